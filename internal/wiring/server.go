package wiring

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/web"
)

// Server is a Bestow that answers.
type Server struct {
	*App

	// URL is where people and clients find it, without a slash at the end.
	URL string
	// Metrics is the address of the metrics listener; empty if there is none.
	Metrics string
	// Management is the address of the nevisFIDO front's management listener; empty if
	// there is none.
	Management string
	// NewAuthority reports that the local certificate authority was made by this
	// start, so that people have to trust it anew.
	NewAuthority bool

	doors  *http.Server
	watch  *http.Server // nil without metrics listener
	manage *http.Server // nil without management listener
	ready  atomic.Bool

	draining context.Context    // long polls and background work last until it ends
	drain    context.CancelFunc // ends draining
	cut      context.CancelFunc // ends what every request's context is made of

	work     sync.WaitGroup
	failed   chan error
	stopping sync.Once
	stopped  error // how it ended
}

// Limits of a connection. A body has to arrive within readTimeout; an answer may take
// as long as the longest poll, and a little.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	readyTimeout      = 2 * time.Second
	purgeEvery        = time.Minute
)

// Start opens the listeners and the database and begins to answer. It returns once
// the server does; [Server.Wait] and [Server.Shutdown] end it.
func Start(ctx context.Context, cfg *config.Config, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s, err := start(ctx, cfg, log, listener)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return s, nil
}

func start(ctx context.Context, cfg *config.Config, log *slog.Logger, listener net.Listener) (_ *Server, err error) {
	s := &Server{URL: publicURL(cfg, listener), failed: make(chan error, 3)}
	certificate, err := s.certificate(cfg, log)
	if err != nil {
		return nil, err
	}
	if s.App, err = Open(ctx, cfg, Options{Log: log, URL: s.URL}); err != nil {
		return nil, err
	}
	serving, cut := context.WithCancel(context.Background())
	s.draining, s.drain = context.WithCancel(context.Background())
	s.cut = cut
	defer func() {
		if err != nil {
			s.drain()
			s.cut()
			err = errors.Join(err, s.App.Close())
		}
	}()

	// What was verified earlier is in force before the first question.
	if err := s.Metadata.Load(ctx); err != nil {
		return nil, err
	}
	m := newMetrics(s.DB.Ping)
	m.watchMetadata(s.Metadata)
	m.watchWebhooks(s.Webhooks)
	m.watchProcesses(s.Processes)
	mux := http.NewServeMux()
	s.health(mux)
	if err := s.mountDoors(mux); err != nil {
		return nil, err
	}
	doors := web.Handler(mux, web.Options{Log: log, TrustedProxies: cfg.TrustedProxies, Observe: m.observe})
	s.doors = &http.Server{
		Handler:           m.count(s.endLongPolls(doors)),
		TLSConfig:         tlsConfig(certificate, s.Directory.Certificates()),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return serving },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	// The last that can fail. Nothing runs before it.
	if err := s.serveMetrics(cfg, m); err != nil {
		return nil, err
	}
	if err := s.serveManagement(m); err != nil {
		if s.watch != nil {
			err = errors.Join(err, s.watch.Close())
		}
		return nil, err
	}
	s.background(s.draining)
	s.work.Go(func() {
		if err := s.doors.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve: %w", err)
		}
	})
	s.ready.Store(true)
	return s, nil
}

// endLongPolls has requests that ask to wait answered as soon as the server drains.
// All others, which may be changing something, are left to finish.
func (s *Server) endLongPolls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Query().Has("wait") {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(s.draining, cancel)()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// background runs what works beside the doors: the relay's deadlines and callbacks, the
// checks of metadata, the jobs of processes, webhooks, and the removal of what is over.
func (s *Server) background(ctx context.Context) {
	s.work.Go(func() {
		if err := s.Relay.Run(ctx); err != nil && ctx.Err() == nil {
			s.failed <- fmt.Errorf("relay: %w", err)
		}
	})
	s.work.Go(func() { s.Metadata.Run(ctx) })
	s.work.Go(func() { s.Processes.Run(ctx) }) // ends with ctx alone
	s.work.Go(func() { s.Webhooks.Run(ctx) })  // as this does
	s.work.Go(func() {
		tick := time.NewTicker(purgeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.Purge(ctx)
			}
		}
	})
}

func (s *Server) serveMetrics(cfg *config.Config, m *metrics) error {
	if cfg.MetricsListen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", cfg.MetricsListen)
	if err != nil {
		return fmt.Errorf("metrics-listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	s.health(mux)
	s.Metrics = listener.Addr().String()
	s.watch = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	s.work.Go(func() {
		if err := s.watch.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve metrics: %w", err)
		}
	})
	return nil
}

// health mounts the two questions an orchestrator asks: is the process alive, and
// may it be given work.
func (s *Server) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteJSON(w, http.StatusOK, map[string]string{"status": "UP"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		metadata, good := s.metadataHealth(time.Now())
		if !s.ready.Load() || s.DB.Ping(ctx) != nil || !good {
			web.WriteJSON(w, http.StatusServiceUnavailable, health{Status: "DOWN", Metadata: metadata})
			return
		}
		web.WriteJSON(w, http.StatusOK, health{Status: "UP", Metadata: metadata, TestData: s.TestData})
	})
}

// health is the document of readiness.
type health struct {
	Status   string           `json:"status"`
	Metadata []metadataHealth `json:"metadata,omitempty"`
	TestData bool             `json:"testData,omitempty"` // nobody should rely on it
}

// Wait returns when ctx is done, with nil, or when a part of the server failed.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Shutdown stops taking work, lets requests that were begun finish until ctx is done,
// and closes the database last, so that whatever was acknowledged is stored. Work
// beside the doors ends by itself, within ten seconds. To call it again, or from
// several places at once, is no fault: all are told how it ended.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Do(func() {
		s.ready.Store(false)
		s.drain()
		err := s.doors.Shutdown(ctx)
		if err != nil { // the time is over: who is still at it is cut off
			err = errors.Join(err, s.doors.Close())
		}
		s.cut()
		if s.watch != nil { // it has said until now that the server is not ready
			err = errors.Join(err, s.watch.Close())
		}
		if s.manage != nil {
			err = errors.Join(err, s.manage.Close())
		}
		s.work.Wait()
		s.stopped = errors.Join(err, s.App.Close())
	})
	return s.stopped
}

// certificate returns what answers the TLS handshake. A certificate of the operator's
// own is read again when its file changes, so that renewing it needs no restart.
func (s *Server) certificate(cfg *config.Config, log *slog.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if cfg.TLS.CertFile != "" {
		f, err := newFileCertificate(cfg.TLS.CertFile, cfg.TLS.KeyFile, time.Now, log)
		if err != nil {
			return nil, err
		}
		return f.get, nil
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	cert, made, err := localca.Ensure(TLSDir(cfg), u.Hostname(), time.Now())
	if err != nil {
		return nil, err
	}
	s.NewAuthority = made
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }, nil
}

// TLSDir is where the local certificate authority lives.
func TLSDir(cfg *config.Config) string { return filepath.Join(cfg.Data, "tls") }

// publicURL is the configured one, or https://localhost with the port that was bound.
func publicURL(cfg *config.Config, listener net.Listener) string {
	if cfg.PublicURL != "" {
		return cfg.PublicURL
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // a bound address has a port
	return localURL(port)
}

// localURL is where a server without a public URL is found from the same machine.
func localURL(port string) string {
	if port == "443" {
		return "https://localhost"
	}
	return "https://" + net.JoinHostPort("localhost", port)
}
