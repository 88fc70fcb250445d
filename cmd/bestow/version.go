package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by release builds; a build from a checkout tells its revision.
var version = ""

type versionCmd struct{}

func (versionCmd) Help() string { return "Example:\n  bestow version" }

// Run prints one line.
func (versionCmd) Run(in *invocation) error {
	_, err := fmt.Fprintln(in.stdout, versionLine())
	return err
}

func versionLine() string {
	return fmt.Sprintf("bestow %s %s %s/%s", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
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
