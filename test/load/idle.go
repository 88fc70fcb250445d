package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// certificate returns the files of the server's certificate and key.
func (b *bench) certificate() [2]string {
	dir := filepath.Join(b.dir, "data", "tls")
	return [2]string{filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")}
}

// footprint is what a process holds for something idle.
type footprint struct {
	memory     uint64 // live heap and stacks, bytes
	goroutines int
}

func measureFootprint() footprint {
	for range 3 { // what a first cycle frees, the next ones give back
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()}
}

// held is what the child is to hold: one request for each agent.
type held struct {
	Requests [][]byte
	CAFile   string
}

// idle measures what an agent costs that waits in a long poll, against a handler of
// a bare TLS server that only waits. The agents are in a process of their own.
func (b *bench) idle(context.Context) error {
	boxes, err := b.openBoxes(*idle)
	if err != nil {
		return err
	}
	var polls [][]byte
	for _, x := range boxes {
		polls = append(polls, prepare("GET", b.host, x.path+"?wait=30", x.header(), nil))
	}
	ours, err := b.hold(b.address, polls, nil)
	if err != nil {
		return err
	}
	var waiting atomic.Int64
	address, stop, err := serveBare(b, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		waiting.Add(1)
		defer waiting.Add(-1)
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
	}))
	if err != nil {
		return err
	}
	defer stop()
	bare, err := b.hold(address, polls, func() bool { return waiting.Load() == int64(*idle) })
	if err != nil {
		return err
	}
	n := float64(*idle)
	fmt.Printf("%-52s %9.1f KiB, %.2f goroutines\n", "idle agent in a long poll", float64(ours.memory)/n/1024, float64(ours.goroutines)/n)
	fmt.Printf("%-52s %9.1f KiB, %.2f goroutines\n", "  floor: a handler of a bare TLS server that waits", float64(bare.memory)/n/1024, float64(bare.goroutines)/n)
	fmt.Printf("%-52s %9.1f KiB, %.2f goroutines\n", "  difference", (float64(ours.memory)-float64(bare.memory))/n/1024, float64(ours.goroutines-bare.goroutines)/n)
	return nil
}

// hold lets a child process keep the requests open and returns what they cost here.
// settled reports whether all have arrived; nil asks twice until nothing changes.
func (b *bench) hold(address string, requests [][]byte, settled func() bool) (footprint, error) {
	program, err := os.Executable()
	if err != nil {
		return footprint{}, err
	}
	before := measureFootprint()
	cmd := exec.Command(program, "-hold", address)
	in, err := cmd.StdinPipe()
	if err != nil {
		return footprint{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return footprint{}, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return footprint{}, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := json.NewEncoder(in).Encode(held{requests, filepath.Join(b.dir, "data", "tls", "ca.pem")}); err != nil {
		return footprint{}, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "sent\n" {
		return footprint{}, fmt.Errorf("the holding process said %q: %w", line, err)
	}
	after := waitUntilStill(before, settled)
	return footprint{after.memory - before.memory, after.goroutines - before.goroutines}, nil
}

// waitUntilStill measures until every request has reached its wait.
func waitUntilStill(before footprint, settled func() bool) footprint {
	last := before
	for range 40 {
		time.Sleep(250 * time.Millisecond) // the only way to see that nothing changes any more
		now := measureFootprint()
		still := now.goroutines == last.goroutines && now.goroutines >= before.goroutines+*idle
		if still && (settled == nil || settled()) {
			return now
		}
		last = now
	}
	return last
}

// holdIdle is the child: it opens the connections, sends the requests and keeps them.
func holdIdle(context.Context) error {
	var h held
	if err := json.NewDecoder(os.Stdin).Decode(&h); err != nil {
		return err
	}
	ca, err := os.ReadFile(h.CAFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: "localhost"}
	var wg sync.WaitGroup
	failed := make(chan error, len(h.Requests))
	gate := make(chan struct{}, 16) // handshakes at once
	conns := make([]*conn, len(h.Requests))
	for i, request := range h.Requests {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			c, err := dial(*hold, config)
			if err == nil {
				_, err = c.tls.Write(request)
			}
			if err != nil {
				failed <- err
			}
			conns[i] = c
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	fmt.Println("sent")
	time.Sleep(time.Minute) // the parent ends this process long before
	runtime.KeepAlive(conns)
	return nil
}
