package wiring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/store"
)

var errNotHere = fault.New(fault.Unsupported, "backup.postgres", "With PostgreSQL, back up and restore with pg_dump and pg_restore; docs/operate.md says how.")

// Backup writes one consistent copy of the database to a file that must not exist,
// and returns its size in bytes. A server may run meanwhile. Errors: backup.postgres,
// backup.exists.
func Backup(ctx context.Context, cfg *config.Config, path string) (size int64, err error) {
	if cfg.Database != "" {
		return 0, errNotHere
	}
	if _, err := os.Stat(path); err == nil {
		return 0, fault.New(fault.Conflict, "backup.exists", path+" is there already.")
	}
	if _, err := os.Stat(DatabaseFile(cfg)); err != nil {
		return 0, fault.New(fault.NotFound, "backup.nothing", "There is no database at "+DatabaseFile(cfg)+".")
	}
	if err := store.CopySQLite(ctx, DatabaseFile(cfg), path); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Restore puts a backup where there is no database yet. It is checked before it gets
// its name, so that an interrupted or refused restore leaves nothing behind. Errors:
// backup.postgres, restore.exists, restore.damaged.
func Restore(ctx context.Context, cfg *config.Config, path string) error {
	if cfg.Database != "" {
		return errNotHere
	}
	// A log that was left behind would be played into the restored database.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Lstat(DatabaseFile(cfg) + suffix); err == nil {
			return fault.New(fault.Conflict, "restore.exists", "There is "+DatabaseFile(cfg)+suffix+" already. Stop the server and move bestow.db, bestow.db-wal and bestow.db-shm away first.")
		}
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(cfg.Data, ".restore-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	copied := filepath.Join(tmp, "bestow.db")
	if err := copyFile(path, copied); err != nil {
		return err
	}
	if err := store.CheckSQLite(ctx, copied); err != nil {
		return fault.New(fault.Rejected, "restore.damaged", "The file is not a whole backup that this version can use.").Because(err)
	}
	// Link refuses to replace a database that appeared meanwhile; Rename would not.
	return os.Link(copied, DatabaseFile(cfg))
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("copy backup: %w", err)
	}
	return nil
}
