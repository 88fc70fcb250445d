// Package e2e runs the built programs as their users do: they are started, called,
// killed and asked again. Nothing in it reaches into the program.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bestow.dev/internal/store/pgtest"
)

// programs is where the built programs are.
var programs string

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bestow-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-o", dir, "../../cmd/bestow", "../../cmd/bestow-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}

func bestow() string { return filepath.Join(programs, "bestow") }
func agent() string  { return filepath.Join(programs, "bestow-agent") }

// patience bounds whatever a test waits for; nothing should come near it.
const patience = 60 * time.Second

// result is what a program did.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a program to its end, with an empty home and the environment given.
func run(t *testing.T, program string, env []string, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), complaints.String()}
}

// server is a running `bestow serve`.
type server struct {
	t      *testing.T
	dir    string // holds data and the configuration file
	config string // text of the configuration file
	listen string
	engine string // URL of a PostgreSQL database; empty: SQLite in the data directory
	flags  []string
	more   []string // environment, as name=value
	url    string

	metricsAddress    string
	managementAddress string // of the nevisFIDO front

	cmd   *exec.Cmd
	ended chan error
	http  *http.Client
	log   *bytes.Buffer // to be read once the process has ended
}

// start runs a server with the given configuration on SQLite. Started again after a
// kill it has the same address and data.
func start(t *testing.T, configuration string) *server {
	t.Helper()
	return startOn(t, "", configuration)
}

// startOn runs a server on an engine, with more flags if there are any.
func startOn(t *testing.T, engine, configuration string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), config: configuration, listen: freeAddress(t), engine: engine, flags: flags}
	if err := os.WriteFile(s.file(), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
	})
	return s
}

func (s *server) file() string { return filepath.Join(s.dir, "bestow.yaml") }

// freeAddress returns an address that was free a moment ago. It is fixed, so that a
// server that is started again is found where it was.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(bestow(), append([]string{"serve", "--config", s.file()}, s.flags...)...)
	s.cmd.Env = s.env()
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	type started struct{ Msg, URL, Metrics, Management string }
	urls := make(chan started, 1)
	s.ended = make(chan error, 1)
	s.log = new(bytes.Buffer)
	go func(cmd *exec.Cmd, ended chan<- error, log *bytes.Buffer) {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(log, lines.Text())
			var entry started
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "bestow serves" {
				urls <- entry
			}
		}
		ended <- cmd.Wait()
		close(ended)
	}(s.cmd, s.ended, s.log)
	select {
	case said := <-urls:
		s.url, s.metricsAddress, s.managementAddress = said.URL, said.Metrics, said.Management
	case err := <-s.ended:
		s.t.Fatalf("the server ended at once: %v\n%s", err, s.log)
	case <-time.After(patience):
		s.t.Fatal("the server did not start")
	}
	s.http = client(s.t, s.ca())
}

func (s *server) env() []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir,
		"BESTOW_LISTEN=" + s.listen, "BESTOW_METRICS_LISTEN=127.0.0.1:0", "BESTOW_LOG__FORMAT=json",
		"BESTOW_DATA=" + s.data(), "BESTOW_DATABASE=" + s.engine,
	}, s.more...)
}

// onBothEngines runs a test on SQLite and, where there is a server, on PostgreSQL.
func onBothEngines(t *testing.T, test func(t *testing.T, engine string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }
func (s *server) ca() string   { return filepath.Join(s.data(), "tls", "ca.pem") }

// kill ends the server as a power failure of the process would.
func (s *server) kill() {
	s.t.Helper()
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
	s.cmd = nil
	s.http.CloseIdleConnections()
}

// stop asks the server to end and returns its log.
func (s *server) stop() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Fatal("the server does not end")
	}
	s.cmd = nil
	return s.log.String()
}

// verb runs a verb of the command line on the server's data and decodes its JSON.
func (s *server) verb(out any, args ...string) {
	s.t.Helper()
	res := run(s.t, bestow(), s.env(), "", append([]string{"--config", s.file(), "--json"}, args...)...)
	if res.code != 0 {
		s.t.Fatalf("bestow %v: exit %d: %s", args, res.code, res.stderr)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(res.stdout), out); err != nil {
		s.t.Fatalf("bestow %v: %v in %q", args, err, res.stdout)
	}
}

func client(t *testing.T, caFile string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatal("no certificate in " + caFile)
	}
	return &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64},
	}
}

// request describes one call.
type request struct {
	method, path string
	header       http.Header
	body         any // nil: none
}

// do sends a request and returns status and body; an error if no answer came.
func (s *server) do(r request) (int, []byte, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(r.method, s.url+r.path, body)
	if err != nil {
		return 0, nil, err
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// must sends a request that has to be answered with status, and decodes the answer.
func (s *server) must(status int, r request, out any) {
	s.t.Helper()
	got, text, err := s.do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	if got != status {
		s.t.Fatalf("%s %s: %d %s, want %d", r.method, r.path, got, text, status)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(text, out); err != nil {
		s.t.Fatalf("%s %s: %v in %s", r.method, r.path, err, text)
	}
}
