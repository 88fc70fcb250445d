// Command load measures the server as its clients meet it: over HTTPS on loopback,
// durable, with SQLite or PostgreSQL. It starts a server of its own in this process,
// wired as `bestow serve` wires it, and shares the machine's cores with it.
//
//	go run ./test/load            # every figure, medians of five rounds
//	go run ./test/load -rounds 1  # a quick look
//
// Beside each figure stands what the same machine does at that moment with nothing
// of ours in between: the same bytes over a bare TLS server of net/http.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/wiring"
)

var (
	rounds   = flag.Int("rounds", 5, "rounds of each measurement; the median is printed")
	callers  = flag.Int("callers", 32, "concurrent callers")
	signers  = flag.Int("signers", 128, "concurrent callers where people sign in")
	perRound = flag.Int("n", 3200, "registrations and commands a round")
	runs     = flag.Int("runs", 1000, "runs of processes a round")
	flight   = flag.Int("flight", 64, "runs of processes at a time")
	long     = flag.Int("long", 50_000, "runs of processes whose memory is looked at; 0 for none")
	idle     = flag.Int("idle", 1000, "idle agents")
	only     = flag.String("only", "", "registration, authentication, relay, processes, memory, idle, with commas between; empty: all")
	door     = flag.String("door", "", "sign in at this door alone: api, nevis, onewelcome or onespan")
	profile  = flag.String("cpuprofile", "", "write a CPU profile to this file")
	hold     = flag.String("hold", "", "internal: hold idle connections to this address")
)

func main() {
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	run := measure
	if *hold != "" {
		run = holdIdle
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		pprof.StopCPUProfile()
		os.Exit(1)
	}
}

const (
	apiKey   = "load-0123456789abcdef0123456789abcdef-api"
	relayKey = "load-0123456789abcdef0123456789abcdef-relay"
	clientID = "load"
	rpID     = "localhost"
)

// bench is a running server and what its callers know.
type bench struct {
	dir     string
	server  *wiring.Server
	address string
	host    string
	tls     *tls.Config
	signer  *plugout.Signer
}

func measure(ctx context.Context) error {
	wiring.EaseCollector()
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	engine := "SQLite, synchronous=FULL, group commit"
	if os.Getenv("BESTOW_DATABASE") != "" {
		engine = "PostgreSQL"
	}
	fmt.Printf("%s, %d cores, %s; %d callers in the same process, medians of %d rounds\n\n", runtime.Version(), runtime.NumCPU(), engine, *callers, *rounds)
	fmt.Printf("%-52s %12s %12s %12s %12s\n", "", "median", "slowest", "fastest", "CPU of each")
	parts := []struct {
		name string
		run  func(context.Context) error
	}{{"registration", b.registration}, {"authentication", b.authentication}, {"relay", b.relay}, {"processes", b.processes}, {"memory", b.memory}, {"idle", b.idle}}
	for _, part := range parts {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func newBench(ctx context.Context) (_ *bench, err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "bestow-load-"); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if b.signer, err = plugout.NewSigner(key, plugout.ES256, "load"); err != nil {
		return nil, err
	}
	keys, err := plugout.NewKeySet(b.signer.Public())
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "bestow.yaml")
	if err := errors.Join(
		os.WriteFile(filepath.Join(b.dir, "agents.jwks"), text, 0o600),
		os.WriteFile(file, []byte(configuration()), 0o600),
	); err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Sources{File: file, Environ: os.Environ()})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if b.server, err = wiring.Start(ctx, cfg, log); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(wiring.TLSDir(cfg), localca.CAFile))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	b.tls = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: "localhost"}
	b.host = strings.TrimPrefix(b.server.URL, "https://")
	b.address = "127.0.0.1:" + b.host[strings.LastIndexByte(b.host, ':')+1:]
	return b, nil
}

func configuration() string {
	return `
listen: 127.0.0.1:0
metrics-listen: ""
data: data
log: { level: error }
tenants:
  - name: load
    relying-parties: [ { id: ` + rpID + `, name: Load } ]
    clients:
      - { id: ` + clientID + `, key: ` + apiKey + `, scopes: [ users.write, fido.provision, fido.read, fido.authenticate ] }
fronts:
  digital-access: { tenant: load, relying-party: ` + rpID + ` }
  nevis: { tenant: load, relying-party: ` + rpID + ` }
  onewelcome: { tenant: load, relying-party: ` + rpID + ` }
  onespan: { tenant: load, relying-party: ` + rpID + ` }
  hermod:
    tenant: load
    allowed-clients:
      - { client-id: ` + clientID + `, key: ` + relayKey + `, attestation-keys: agents.jwks }
`
}

func (b *bench) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(b.server.Shutdown(ctx), os.RemoveAll(b.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "load: end:", err)
	}
}

// report prints what n things took in each round: rates, and what one had of the processors
// in the middle round, callers included.
func report(name string, n int, took []spent) {
	slices.SortFunc(took, func(a, b spent) int { return cmp.Compare(a.clock, b.clock) })
	rate := func(s spent) float64 { return float64(n) / s.clock.Seconds() }
	median := took[len(took)/2]
	fmt.Printf("%-52s %10.0f/s %10.0f/s %10.0f/s %9.0f µs\n", name, rate(median), rate(took[len(took)-1]), rate(took[0]),
		float64(median.cpu.Microseconds())/float64(n))
}

// jsonBody encodes v, which can be encoded.
func jsonBody(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// answers decodes what came back for each call.
func answers[T any](calls []*call) ([]T, error) {
	all := make([]T, len(calls))
	for i, c := range calls {
		if err := json.Unmarshal(c.answer, &all[i]); err != nil {
			return nil, fmt.Errorf("answer %q: %w", c.answer, err)
		}
	}
	return all, nil
}
