// Command bestow is the whole product in one program: the server, its
// administration, the demo, and the desktop agent as `bestow agent`.
//
// It exits with 0 when it did what was asked, 1 when that was refused or failed, 2
// when the command line or the input made no sense, and 3 for a fault of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
)

// The exit codes.
const (
	exitDone     = 0
	exitRefused  = 1
	exitUsage    = 2
	exitInternal = 3
)

// program is the command line. Every verb is one struct in one file.
type program struct {
	Config string `help:"Configuration file. Without one everything has a default." env:"BESTOW_CONFIG" placeholder:"FILE" type:"path"`
	Data   string `help:"Data directory, instead of the configuration's." placeholder:"DIR" type:"path"`
	JSON   bool   `help:"Print JSON instead of a table." name:"json"`

	ShowVersion kong.VersionFlag `help:"Print the version." name:"version"`

	Demo       demoCmd            `cmd:"" help:"Play the whole flow on this machine with a software key."`
	Serve      serveCmd           `cmd:"" help:"Run the server."`
	User       userCmd            `cmd:"" help:"Users: create, import, invite, lock, export, erase."`
	Credential credentialCmd      `cmd:"" help:"Credentials: list, rename, suspend, delete, reverify."`
	Policy     policyCmd          `cmd:"" help:"Authenticator policies: put, attach, preview, explain."`
	Client     clientCmd          `cmd:"" help:"API clients and their secrets."`
	Operator   operatorCmd        `cmd:"" help:"Who may sign in to the console, and as what."`
	Relay      relayCmd           `cmd:"" help:"Try out a message relay: send, poll, listen."`
	Audit      auditCmd           `cmd:"" help:"The audit trail: list, export, verify."`
	Verify     verifyCmd          `cmd:"" help:"Judge recorded WebAuthn ceremonies: would they be accepted, and if not, why."`
	Process    processCmd         `cmd:"" help:"Identity processes: deploy, start, list, show, mend, draw, tasks."`
	Connection connectionCmd      `cmd:"" help:"Relying parties that processes reach: list, show, put, delete, test."`
	Messaging  messagingServerCmd `cmd:"" name:"messaging-server" help:"Relays that processes reach: list, show, put, delete, test."`
	Metadata   metadataCmd        `cmd:"" help:"Metadata of authenticator models: status, fetch, list, show, check."`
	Ceremony   ceremonyCmd        `cmd:"" help:"For tests: open a recorded ceremony again, on test data."`
	Backup     backupCmd          `cmd:"" help:"Write a backup while the server runs."`
	Restore    restoreCmd         `cmd:"" help:"Restore a backup into an empty place."`
	CA         caCmd              `cmd:"" name:"ca" help:"The local certificate authority."`
	Trust      trustCmd           `cmd:"" help:"Attestation roots and TPM manufacturers: list, show, export, check."`
	Agent      agentCmd           `cmd:"" help:"The desktop agent; see bestow agent --help."`
	Version    versionCmd         `cmd:"" help:"Print the version."`
}

// invocation is what every verb gets to work with.
type invocation struct {
	program *program
	ctx     context.Context
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// load reads the configuration that the command line names.
func (in *invocation) load(flags map[string]any) (*config.Config, error) {
	if flags == nil {
		flags = map[string]any{}
	}
	if in.program.Data != "" {
		flags["data"] = in.program.Data
	}
	cfg, err := config.Load(config.Sources{File: in.program.Config, Environ: os.Environ(), Flags: flags})
	if err != nil {
		return nil, fault.New(fault.Invalid, "configuration", err.Error())
	}
	return cfg, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	in := &invocation{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(run(in, os.Args[1:]))
}

// run does what args ask for and returns the exit code.
func run(in *invocation, args []string) (code int) {
	if len(args) > 0 && args[0] == agentWord {
		return in.agent(args[1:])
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var p program
	in.program = &p
	exited := -1 // kong asks to exit after --help
	parser, err := kong.New(
		&p,
		kong.Name("bestow"),
		kong.Description("Bestow gives people their FIDO credentials."),
		kong.UsageOnError(),
		kong.Vars{"version": versionLine()},
		kong.Writers(in.stdout, in.stderr),
		kong.Exit(func(c int) { exited = c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintln(in.stderr, "bestow:", err)
		return exitInternal
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(in.stderr, "bestow: %v\nRun bestow --help to see what there is.\n", err)
		return exitUsage
	}
	return report(in.stderr, k.Run(in))
}

// exitCode is the error of a verb that has said everything and wants to end with a code.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// report prints err for a person and returns the exit code it stands for.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	f := fault.From(err)
	_, ofFile := errors.AsType[*fs.PathError](err)
	switch {
	case ofFile && f.Kind == fault.Internal: // a file that is not there, or not ours
		fmt.Fprintln(w, "bestow:", err)
		return exitRefused
	case f.Kind == fault.Internal:
		fmt.Fprintln(w, "bestow:", err)
		return exitInternal
	case f.Kind == fault.Invalid:
		fmt.Fprintln(w, "bestow:", words(err, f))
		return exitUsage
	default:
		fmt.Fprintf(w, "bestow: %s (%s)\n", words(err, f), f.Code)
		if f.Kind == fault.Unavailable && f.Err != nil { // whoever runs the program can do something about it
			fmt.Fprintln(w, "The cause:", f.Err)
		}
		return exitRefused
	}
}

// words are a fault's words for people, after what was being done where err says it.
func words(err error, f *fault.Error) string {
	doing, ok := strings.CutSuffix(err.Error(), f.Error())
	if !ok { // it is one of several
		return f.Public
	}
	return doing + f.Public
}
