// Package cli is the command line of the desktop agent. cmd/bestow-agent is nothing
// but a call of [Main]; the larger program mounts the same commands below a word of
// its own by handing Main what follows that word:
//
//	os.Exit(cli.Main(ctx, cli.Env{
//		Program: scheme.Program{executable, "agent"}, // how links will call it
//		Version: version,
//		Stdin:   os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
//	}, args))
//
// Questions go to the terminal that the program runs in, whatever its standard
// streams are connected to; standard output carries results only. Secrets come from
// the terminal or from an inherited pipe, never from arguments or the environment.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/agent"
	"bestow.dev/internal/agent/scheme"
	"bestow.dev/internal/plugout"
)

// The exit codes.
const (
	ExitDone     = 0
	ExitRefused  = 1 // refused or failed
	ExitUsage    = 2 // the command line, the link or other input makes no sense
	ExitInternal = 3 // a fault of the program
)

// Env is what the commands get from the program around them. All members are
// required.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Program is how the agent is called, with an absolute path first.
	Program scheme.Program

	// Version of the program.
	Version string

	openTerminal func() terminal // nil: the process's own
	cost         softkey.Cost    // of a new software key
}

// commands is the command line.
type commands struct {
	Dir     dirFlag          `help:"Configuration directory, instead of the user's own." placeholder:"DIR"`
	Version kong.VersionFlag `help:"Print the version."`

	Open      openCmd      `cmd:"" help:"Follow a plugout link."`
	Trust     trustCmd     `cmd:"" help:"The allow list: which relays may ask, and for which sites."`
	Install   installCmd   `cmd:"" help:"Make the installation's key and register for plugout links."`
	Uninstall uninstallCmd `cmd:"" help:"Undo install."`
	Key       keyCmd       `cmd:"" help:"The installation's key, which signs every answer."`
	Softkey   softkeyCmd   `cmd:"" help:"The software key, for tests and demonstrations."`
	Assert    assertCmd    `cmd:"" help:"Sign in with the software key, as a browser would."`
}

// dirFlag is the configuration directory; empty stands for the user's own.
type dirFlag string

func (d dirFlag) dir() (agent.Dir, error) {
	if d == "" {
		return agent.DefaultDir()
	}
	abs, err := filepath.Abs(string(d))
	return agent.Dir(abs), err
}

// invocation is what a command runs with.
type invocation struct {
	Env
	ctx context.Context
	dir agent.Dir
}

// usageError is a fault of whoever wrote the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// errNotAll says that a session went well but not all in it; what did not has been
// told already.
var errNotAll = errors.New("not every command was answered with OK")

// Main runs one command and returns the exit code of the process. It prints what is
// to be said about a failure.
func Main(ctx context.Context, env Env, args []string) (code int) {
	var c commands
	exited := -1 // kong asks to exit after --help and --version
	parser, err := kong.New(
		&c,
		kong.Name(programName(env.Program)),
		kong.Description("The desktop agent follows a link to a message relay, asks the person at the desk and drives the security key."),
		kong.Vars{"version": agent.AppName + " " + env.Version},
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintln(env.Stderr, "bestow-agent:", err)
		return ExitInternal
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return report(env.Stderr, discreet(usageError{err.Error()}, args))
	}
	dir, err := c.Dir.dir()
	if err != nil {
		return report(env.Stderr, err)
	}
	code = report(env.Stderr, discreet(k.Run(&invocation{Env: env, ctx: ctx, dir: dir}), args))
	if c.Open.Hold {
		hold(ctx, env)
	}
	return code
}

// discreet returns err, or in place of one that quotes a link from the command line an
// error that does not: a link is a secret until it is followed.
func discreet(err error, args []string) error {
	if err == nil {
		return nil
	}
	said := strings.ToLower(err.Error())
	for _, arg := range args {
		arg = strings.ToLower(arg)
		if i := strings.Index(arg, scheme.Name+":"); i >= 0 && strings.Contains(said, arg[i:]) {
			return usage("a link stands where none is expected; it is followed with: open -- LINK")
		}
	}
	return err
}

// hold keeps the terminal open until the person has read what is in it.
func hold(ctx context.Context, env Env) {
	term := env.terminal()
	if term == nil {
		return
	}
	defer term.close()
	_, _ = term.ask(ctx, "Press Enter to close.") // either way it closes
}

// terminal returns the terminal of the process, or nil if it has none.
func (e *Env) terminal() terminal {
	if e.openTerminal != nil {
		return e.openTerminal()
	}
	return newConsole()
}

// programName is what usage lines begin with.
func programName(p scheme.Program) string {
	words := []string{agent.AppName}
	if len(p) > 0 {
		words = append([]string{filepath.Base(p[0])}, p[1:]...)
	}
	return strings.Join(words, " ")
}

// report prints err and returns the exit code that it stands for.
func report(w io.Writer, err error) int {
	code := exitCode(err)
	if err == nil || errors.Is(err, errNotAll) {
		return code
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "bestow-agent: cancelled")
		return code
	}
	fmt.Fprintln(w, "bestow-agent:", harmless(err.Error()))
	return code
}

// harmless returns text without what could command a terminal: an error may quote a
// file, a server's certificate or what was typed.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func exitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	if errors.Is(err, agent.ErrOptions) || plugout.ReasonOf(err) == plugout.ReasonLink || agent.CodeOf(err) == agent.CodeNotTrusted {
		return ExitUsage
	}
	_, ofKey := ctap.StatusOf(err)
	_, ofFile := errors.AsType[*fs.PathError](err)
	refused := ofKey || ofFile || agent.CodeOf(err) != "" || plugout.ReasonOf(err) != ""
	for _, known := range []error{errNotAll, errRefused, agent.ErrNotInstalled, context.Canceled, context.DeadlineExceeded} {
		refused = refused || errors.Is(err, known)
	}
	if refused {
		return ExitRefused
	}
	return ExitInternal
}

// errRefused marks failures that are nobody's fault in the program.
var errRefused = errors.New("refused")

// refusal is an error with the given words that counts as refused.
type refusal struct {
	text string
	err  error
}

func (r refusal) Error() string { return r.text }

func (r refusal) Unwrap() []error {
	if r.err == nil {
		return []error{errRefused}
	}
	return []error{errRefused, r.err}
}

func refuse(err error, format string, args ...any) error {
	return refusal{text: fmt.Sprintf(format, args...), err: err}
}
