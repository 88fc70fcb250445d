// Command bestow-agent is the desktop agent: it follows a plugout link to a message
// relay, asks the person at the desk and drives the security key.
//
// It exits with 0 when it did what was asked, 1 when that was refused or failed, 2
// when the command line, the link or other input made no sense, and 3 for a fault of
// its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"bestow.dev/internal/agent/cli"
	"bestow.dev/internal/agent/scheme"
)

// version is set by release builds; a build from a checkout tells its revision.
var version = ""

func main() {
	executable, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bestow-agent:", err)
		os.Exit(cli.ExitInternal)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, cli.Env{
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Program: scheme.Program{executable},
		Version: versionText(),
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
