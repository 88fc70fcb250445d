package main

import (
	"fmt"
	"path/filepath"

	"bestow.dev/internal/localca"
	"bestow.dev/internal/wiring"
)

type caCmd struct {
	Path caPathCmd `cmd:"" help:"Print where the certificate of the local authority is."`
}

type caPathCmd struct{}

func (caPathCmd) Help() string {
	return `The file is made when the server first starts without a certificate of its own.

Example, which lets the programs of this machine trust the server (Debian):
  sudo cp "$(bestow ca path)" /usr/local/share/ca-certificates/bestow.crt
  sudo update-ca-certificates`
}

// Run prints the absolute path.
func (caPathCmd) Run(in *invocation) error {
	cfg, err := in.load(nil)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(wiring.TLSDir(cfg), localca.CAFile))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(in.stdout, path)
	return err
}
