package main

import (
	"context"
	"errors"
	"os"

	"bestow.dev/internal/demo"
	"bestow.dev/internal/fault"
)

type demoCmd struct {
	Serve  bool   `help:"Stay up afterwards and say what to try next."`
	Dir    string `help:"Keep the data in this directory, which must be empty or absent." placeholder:"DIR" type:"path"`
	Listen string `help:"Address of the server; a free loopback port otherwise." placeholder:"HOST:PORT"`
}

func (demoCmd) Help() string {
	return `Starts a real server on loopback, has the process security-key give somebody a key, and
plays identity manager, browser and desk against its public interfaces: a link, the
page, the desktop agent with a software key, the stored credential, a sign-in. Leaves
nothing behind.

Example:
  bestow demo --serve`
}

// Run plays. Any step that fails ends it with 1 and the cause.
func (c demoCmd) Run(in *invocation) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := c.checkDir(); err != nil {
		return err
	}
	err = demo.Run(in.ctx, demo.Options{
		Out: in.stdout, Program: []string{program, agentWord}, Serve: c.Serve, Dir: c.Dir, Listen: c.Listen,
	})
	if errors.Is(err, context.Canceled) && in.ctx.Err() != nil {
		return fault.New(fault.Unavailable, "demo.interrupted", "The demo was interrupted.")
	}
	if err != nil {
		return fault.New(fault.Rejected, "demo.failed", err.Error())
	}
	return nil
}

func (c demoCmd) checkDir() error {
	if c.Dir == "" {
		return nil
	}
	entries, err := os.ReadDir(c.Dir)
	if err == nil && len(entries) > 0 {
		return fault.New(fault.Invalid, "demo.dir", "--dir is not empty.")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fault.New(fault.Invalid, "demo.dir", err.Error())
	}
	return nil
}
