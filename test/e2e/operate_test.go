package e2e

import (
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func apiKeyOf(id, key string) http.Header {
	return http.Header{"X-Api-Key": {base64.StdEncoding.EncodeToString([]byte(id + ":" + key))}}
}

// TestReload changes the key of a relay client without downtime: first both keys
// work, then only the new one. A bad file changes nothing.
func TestReload(t *testing.T) {
	s := start(t, relayConfig("http://127.0.0.1:9"))
	newKey := strings.ToUpper(relayKey)
	status := func(key string) int {
		t.Helper()
		code, _, err := s.do(request{"GET", "/hermod/rest/command/1", apiKeyOf("idm", key), nil})
		if err != nil {
			t.Fatal(err)
		}
		return code // 404: let in, and there is no such command
	}
	reload := func(configuration string) {
		t.Helper()
		if err := os.WriteFile(s.file(), []byte(configuration), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if status(relayKey) != 404 || status(newKey) != 401 {
		t.Fatal("the first key does not work, or the second one does already")
	}
	keys := s.dir + "/keys"
	if err := os.WriteFile(keys, []byte(newKey+"\n"+relayKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	both := strings.Replace(s.config, "key: "+relayKey, "key-file: "+keys, 1)
	reload(both)
	eventually(t, "the new key works", func() bool { return status(newKey) == 404 })
	if status(relayKey) != 404 {
		t.Error("the old key ended at once")
	}
	reload(strings.Replace(both, "allowed-clients", "allowed-cleints", 1))
	if err := os.WriteFile(keys, []byte(newKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status(newKey) != 404 || status(relayKey) != 404 {
		t.Error("a bad file changed something")
	}
	reload(both)
	eventually(t, "the old key has ended", func() bool { return status(relayKey) == 401 })
	if status(newKey) != 404 {
		t.Error("the new key does not work")
	}
	if log := s.stop(); !strings.Contains(log, "the old one stays") || strings.Contains(log, newKey) {
		t.Error("the log does not tell of the bad file, or holds a key")
	}
}

// eventually waits until ok, asking again and again.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

// TestShutdownEndsLongPolls: an agent that waits does not hold the server up, and
// the server says that it takes no more work.
func TestShutdownEndsLongPolls(t *testing.T) {
	s := start(t, relayConfig("http://127.0.0.1:9"))
	box := s.openBox()
	answered := make(chan int, 1)
	go func() {
		status, _, err := s.do(request{"GET", box.path + "?wait=30", box.header(), nil})
		if err != nil {
			status = -1
		}
		answered <- status
	}()
	eventually(t, "the poll has arrived", func() bool {
		select {
		case got := <-answered:
			t.Fatalf("the poll was answered with %d before there was anything to say", got)
		default:
		}
		return s.waiting() > 0
	})
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("ended after %v", took)
	}
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("the poll was answered with %d, want 204", got)
	}
}

// TestMetrics: the listener of its own shows requests by route, without identifiers.
func TestMetrics(t *testing.T) {
	s := start(t, relayConfig("http://127.0.0.1:9"))
	box := s.openBox()
	text := s.metrics()
	for _, want := range []string{"bestow_http_request_seconds_count", `route="/hermod/rest/ms/{box}/session"`, "bestow_database_up 1", "go_goroutines"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics do not hold %s", want)
		}
	}
	if strings.Contains(text, box.id) {
		t.Error("metrics hold the id of a message box")
	}
}
