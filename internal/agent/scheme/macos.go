package scheme

import (
	"encoding/xml"
	"strings"
)

// MacProgram is where the agent is expected on macOS when nothing else is said.
const MacProgram = "/usr/local/bin/bestow-agent"

// MacOS returns the files of a small application that registers the scheme, and
// instructions. macOS hands a link to an application as an event and not as an
// argument, so that a few lines of AppleScript pass it on to the agent in a terminal.
func MacOS(p Program) []File {
	return []File{
		{"bestow-agent.applescript", appleScript(p)},
		{"Info.plist", infoPlist},
		{"README-macos.txt", macInstructions(p[0])},
	}
}

func appleScript(p Program) string {
	words := make([]string, len(p))
	for i, word := range p {
		words[i] = `quoted form of ` + appleString(word)
	}
	return `on open location link
	set theCommand to ` + strings.Join(words, ` & " " & `) + ` & " open --hold -- " & quoted form of link
	tell application "Terminal"
		activate
		do script " " & theCommand & "; exit"
	end tell
end open location
`
}

func appleString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

var infoPlist = xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>CFBundleExecutable</key>
	<string>applet</string>
	<key>CFBundleIdentifier</key>
	<string>dev.bestow.agent</string>
	<key>CFBundleName</key>
	<string>Bestow agent</string>
	<key>CFBundlePackageType</key>
	<string>APPL</string>
	<key>CFBundleURLTypes</key>
	<array>
		<dict>
			<key>CFBundleURLName</key>
			<string>Bestow agent</string>
			<key>CFBundleURLSchemes</key>
			<array>
				<string>` + Name + `</string>
			</array>
		</dict>
	</array>
	<key>LSUIElement</key>
	<true/>
</dict>
</plist>
`

func macInstructions(program string) string {
	return `1. Put the agent at ` + program + `.
2. Run "bestow-agent install" as the user of the desk: it makes the installation's key.
3. Build the application and give it its property list:
     osacompile -o "$HOME/Applications/Bestow agent.app" bestow-agent.applescript
     cp Info.plist "$HOME/Applications/Bestow agent.app/Contents/Info.plist"
     codesign --force --sign - "$HOME/Applications/Bestow agent.app"
4. Open it once, so that macOS learns the scheme.
5. Undo: delete the application.
`
}
