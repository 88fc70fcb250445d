package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/wiring"
)

type serveCmd struct {
	Listen    string `help:"Address of the doors." placeholder:"HOST:PORT"`
	PublicURL string `help:"Where people and clients find the server." name:"public-url" placeholder:"URL"`
	TestData  bool   `help:"Make the data directory one for tests, into which recorded ceremonies can be imported. One that holds a database already cannot become it." name:"test-data"`
}

func (serveCmd) Help() string {
	return `Without a configuration file: SQLite in ./bestow-data, HTTPS on 127.0.0.1:8443 with a
certificate of its own local authority, one tenant, relying party localhost.

Examples:
  bestow serve
  bestow serve --config /etc/bestow/bestow.yaml

SIGHUP reads the relay's clients from the file again; a bad file is refused and the
old settings stay. SIGTERM finishes what was begun and ends.`
}

// shutdownTime is how long requests that were begun may take to finish.
const shutdownTime = 20 * time.Second

// Run serves until it is told to stop.
func (c serveCmd) Run(in *invocation) error {
	flags := map[string]any{}
	if c.Listen != "" {
		flags["listen"] = c.Listen
	}
	if c.PublicURL != "" {
		flags["public-url"] = c.PublicURL
	}
	cfg, err := in.load(flags)
	if err != nil {
		return err
	}
	cfg.TestData = c.TestData
	log := wiring.NewLog(in.stderr, cfg.Log)
	wiring.EaseCollector()
	s, err := wiring.Start(in.ctx, cfg, log)
	if err != nil {
		if fault.From(err).Kind == fault.Internal {
			return fault.New(fault.Unavailable, "start", err.Error())
		}
		return err
	}
	ca := filepath.Join(wiring.TLSDir(cfg), localca.CAFile)
	if s.NewAuthority {
		log.Warn("a new local certificate authority was made; browsers have to be told to trust it", "file", ca)
	}
	log.Info("bestow serves", "url", s.URL, "metrics", s.Metrics, "management", s.Management, "data", cfg.Data)
	if s.TestData {
		log.Warn("THIS IS TEST DATA: whoever has the data directory can open ceremonies with challenges of their own; it is for tests and for nothing else", "data", cfg.Data)
	}
	if s.NoClients(in.ctx) {
		log.Warn("there are no API clients yet; `bestow client create --scope admin` makes the first")
	}

	stopReloading := in.onReload(func() {
		again, err := in.load(flags)
		if err == nil {
			err = s.Reload(again)
		}
		if err != nil {
			log.Error("the configuration was not read again; the old one stays", "error", err)
			return
		}
		log.Info("the relay's clients were read again")
	})
	defer stopReloading()

	failed := s.Wait(in.ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.ctx), shutdownTime)
	defer cancel()
	if err := errors.Join(failed, s.Shutdown(ctx)); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	log.Info("bestow has ended")
	return nil
}

// onReload calls fn at each SIGHUP until the returned function is called.
func (in *invocation) onReload(fn func()) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, reloadSignals...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hup:
				fn()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(done)
	}
}
