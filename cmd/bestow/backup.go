package main

import (
	"fmt"
	"io"

	"bestow.dev/internal/wiring"
)

type backupCmd struct {
	File string `arg:"" help:"Where to write it; must not exist." type:"path"`
}

func (backupCmd) Help() string {
	return `One consistent file of everything in the database, made while the server runs. With
PostgreSQL use pg_dump. The file holds what the database holds: keep it as safe.
Certificates and the keys of clients from files are not in it.

Example:
  bestow backup /var/backups/bestow-$(date +%F).db`
}

// Run writes the file.
func (c backupCmd) Run(in *invocation) error {
	cfg, err := in.load(nil)
	if err != nil {
		return err
	}
	size, err := wiring.Backup(in.ctx, cfg, c.File)
	if err != nil {
		return err
	}
	doc := map[string]any{"file": c.File, "bytes": size}
	return in.print(doc, func(w io.Writer) { fmt.Fprintf(w, "%s, %d bytes\n", c.File, size) })
}

type restoreCmd struct {
	File string `arg:"" help:"A file that backup wrote." type:"existingfile"`
}

func (restoreCmd) Help() string {
	return `Puts a backup into a data directory that has no database yet, after checking that it is
whole and not of a newer version. To replace a database, stop the server and move the
old files away first. With PostgreSQL use pg_restore.

Example:
  bestow restore bestow-2026-03-02.db --data ./bestow-data`
}

// Run restores the file.
func (c restoreCmd) Run(in *invocation) error {
	cfg, err := in.load(nil)
	if err != nil {
		return err
	}
	if err := wiring.Restore(in.ctx, cfg, c.File); err != nil {
		return err
	}
	return in.done("restored", wiring.DatabaseFile(cfg))
}
