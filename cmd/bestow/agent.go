package main

import (
	"fmt"
	"os"

	"bestow.dev/internal/agent/cli"
	"bestow.dev/internal/agent/scheme"
	"bestow.dev/internal/fault"
)

// agentWord begins a command line that is the desktop agent's.
const agentWord = "agent"

// agentCmd stands in the help; what follows its word is parsed by the agent itself.
type agentCmd struct{}

func (agentCmd) Help() string {
	return "The same code as the program bestow-agent.\n\nExample:\n  bestow agent open -- \"$LINK\""
}

// Run is reached only if the word stands behind a flag of ours.
func (agentCmd) Run(*invocation) error {
	return fault.New(fault.Invalid, "agent", "Write agent first: bestow agent …")
}

// agent runs the desktop agent and returns its exit code.
func (in *invocation) agent(args []string) int {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintln(in.stderr, "bestow:", err)
		return exitInternal
	}
	return cli.Main(in.ctx, cli.Env{
		Stdin: in.stdin, Stdout: in.stdout, Stderr: in.stderr,
		Program: scheme.Program{program, agentWord}, Version: versionText(),
	}, args)
}
