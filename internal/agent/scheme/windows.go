package scheme

import "strings"

// WindowsProgram is where the agent is expected on Windows when nothing else is said.
const WindowsProgram = `C:\Program Files\Bestow\bestow-agent.exe`

// Windows returns a registry file that registers the scheme for the user who imports
// it, and instructions. Group policy can distribute the same values.
func Windows(p Program) []File {
	const key = `HKEY_CURRENT_USER\Software\Classes\` + Name
	words := make([]string, len(p))
	for i, word := range p {
		words[i] = `"` + word + `"`
	}
	command := strings.Join(words, " ") + ` open --hold -- "%1"`
	reg := lines(
		`Windows Registry Editor Version 5.00`,
		``,
		`[`+key+`]`,
		`@="URL:Bestow agent"`,
		`"URL Protocol"=""`,
		``,
		`[`+key+`\shell\open\command]`,
		`@=`+regString(command),
	)
	return []File{
		{"bestow-agent.reg", reg},
		{"README-windows.txt", lines(
			`1. Put the agent at `+p[0]+`.`,
			`2. Run "bestow-agent install" as the user of the desk: it makes the installation's key.`,
			`3. Import the values: reg import bestow-agent.reg`,
			`   They are for the current user. By group policy: User Configuration, Preferences,`,
			`   Windows Settings, Registry, with the same two keys.`,
			`4. Undo: reg delete `+key,
		)},
	}
}

// regString writes a string value of a registry file.
func regString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// lines ends each line as Windows does.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n" }
