package wiring

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"bestow.dev/internal/config"
)

// readiness is what /readyz says.
func readiness(t *testing.T, s *Server, cfg *config.Config) map[string]any {
	t.Helper()
	r, err := trusting(t, cfg).Get(s.URL + "/readyz")
	check(t, err)
	defer r.Body.Close()
	var answer map[string]any
	check(t, json.NewDecoder(r.Body).Decode(&answer))
	if r.StatusCode != http.StatusOK || answer["status"] != "UP" {
		t.Errorf("ready: %d %v", r.StatusCode, answer)
	}
	return answer
}

func hasTestDataFile(cfg *config.Config) bool {
	_, err := os.Stat(filepath.Join(cfg.Data, TestDataFile))
	return err == nil
}

// Test data shows itself, also once it was restored somewhere else.
func TestTestDataIsSeen(t *testing.T) {
	cfg := configured(t, basics)
	cfg.TestData = true
	s := started(t, cfg)
	if !s.TestData || readiness(t, s, cfg)["testData"] != true || !hasTestDataFile(cfg) {
		t.Error("the server does not show that it is test data")
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err := Backup(t.Context(), cfg, backup)
	check(t, err)

	restored := configured(t, basics)
	check(t, Restore(t.Context(), restored, backup))
	s = started(t, restored)
	if !s.TestData || readiness(t, s, restored)["testData"] != true || !hasTestDataFile(restored) {
		t.Error("the restored server does not show that it is test data")
	}
}

func TestNoTestData(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	if answer := readiness(t, s, cfg); s.TestData || len(answer) != 1 || hasTestDataFile(cfg) {
		t.Errorf("the server says that it is test data: %v", answer)
	}
}
