package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"bestow.dev/internal/agent/scheme"
	"bestow.dev/internal/plugout"
)

// installCmd makes the key and registers the scheme.
type installCmd struct {
	KeyOnly bool   `name:"key-only" help:"Make the key, and leave the desktop as it is."`
	Print   string `help:"Write the files and instructions for another system instead: windows or macos." enum:",windows,macos" default:"" placeholder:"SYSTEM"`
	Out     string `help:"Where --print writes to." default:"." placeholder:"DIR"`
	Program string `help:"Where the program is, or will be, on the desks." placeholder:"PATH"`
}

func (installCmd) Help() string {
	return `Makes the key that signs this installation's answers, and, on Linux, registers the program for
links of the scheme com.nexusgroup.plugout for the current user. Give the output of "key show" to
whoever runs the relay.

Example:
  bestow-agent install

Example for the administrator of Windows desks:
  bestow-agent install --print windows --out dist`
}

// Run installs, or writes files for those who do.
func (c *installCmd) Run(in *invocation) error {
	// It goes into files where a line end would begin an entry of its own.
	if strings.ContainsFunc(c.Program, unicode.IsControl) {
		return usage("--program: a path has no control characters")
	}
	if c.Print != "" {
		return c.print(in)
	}
	signer, made, err := in.dir.EnsureSigner()
	if err != nil {
		return err
	}
	word := map[bool]string{true: "made", false: "kept"}[made]
	fmt.Fprintf(in.Stdout, "key %s: %s\n", word, signer.Public().KeyID)
	switch {
	case c.KeyOnly:
		return nil
	case runtime.GOOS != "linux":
		fmt.Fprintf(in.Stdout, "links: register them with the files that install --print writes\n")
		return nil
	}
	path, notes, err := scheme.Linux{}.Install(in.ctx, c.program(in.Program...))
	if err != nil {
		return err
	}
	fmt.Fprintf(in.Stdout, "links: %s\n", path)
	for _, note := range notes {
		fmt.Fprintln(in.Stderr, "bestow-agent:", note)
	}
	return nil
}

func (c *installCmd) program(or ...string) scheme.Program {
	if c.Program != "" {
		return scheme.Program{c.Program}
	}
	return or
}

// print writes the files for another system.
func (c *installCmd) print(in *invocation) error {
	var files []scheme.File
	switch c.Print {
	case "windows":
		files = scheme.Windows(c.program(scheme.WindowsProgram))
	case "macos":
		files = scheme.MacOS(c.program(scheme.MacProgram))
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(c.Out, f.Name)
		if err := os.WriteFile(path, []byte(f.Content), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(in.Stdout, path)
	}
	return nil
}

type uninstallCmd struct {
	Key bool `help:"Delete the installation's key as well."`
}

func (uninstallCmd) Help() string {
	return `Removes the registration for links. Settings and allow list stay; the key does unless --key is
given, and then has to be taken out of the relay's key set too.

Example:
  bestow-agent uninstall --key`
}

// Run undoes what install did.
func (c *uninstallCmd) Run(in *invocation) error {
	if runtime.GOOS == "linux" {
		if _, err := (scheme.Linux{}).Uninstall(in.ctx); err != nil {
			return err
		}
	}
	if c.Key {
		return in.dir.RemoveSigner()
	}
	return nil
}

type keyCmd struct {
	Show keyShowCmd `cmd:"" help:"Print the public key as a JWK."`
}

type keyShowCmd struct {
	JWKS bool `name:"jwks" help:"Print it as a key set file with this one key."`
}

func (keyShowCmd) Help() string {
	return `Prints an entry for the key set file of the relay's client. Keys of several installations stand
in one file, beside each other in its member "keys".

Example:
  bestow-agent key show --jwks > keys/agents.jwks`
}

// Run prints JSON.
func (c *keyShowCmd) Run(in *invocation) error {
	signer, err := in.dir.Signer()
	if err != nil {
		return err
	}
	var out any = signer.Public().JWK()
	if c.JWKS {
		if out, err = plugout.NewKeySet(signer.Public()); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(in.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
