package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// killVariable makes the test program the writer that TestKill kills.
const killVariable = "BESTOW_TEST_KILL"

// TestMain lets the test program be run again as a process to kill.
func TestMain(m *testing.M) {
	if path := os.Getenv(killVariable); path != "" {
		acknowledge(path)
		return
	}
	os.Exit(m.Run())
}

// acknowledge writes without end, from many callers at once, and prints the name of
// every row once it was told that the row is lasting.
func acknowledge(path string) {
	db, err := Open(context.Background(), Config{SQLite: path})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out sync.Mutex
	for caller := range 32 {
		go func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("%d-%d", caller, n)
				err := db.write(context.Background(), func(ctx context.Context, q tx) error {
					_, err := q.Exec(ctx, "INSERT INTO tenant (name, created_ms) VALUES ($1, 1)", name)
					return err
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(name)
				out.Unlock()
			}
		}()
	}
	select {}
}

// TestKill kills a process in the middle of its commits, three times over, and looks
// whether all that it was told is lasting is there. It shows nothing about a loss of
// power; that no answer precedes its COMMIT is TestNoAnswerBeforeCommit's.
func TestKill(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{1, 500, 3000} {
		path := filepath.Join(t.TempDir(), "bestow.db")
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), killVariable+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var told []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if told = append(told, lines.Text()); len(told) == after {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if len(told) < after {
			t.Fatalf("the writer ended by itself after %d rows", len(told))
		}
		told = told[:len(told)-1] // the last line may be cut short
		wantAll(t, path, told)
	}
}

func wantAll(t *testing.T, path string, names []string) {
	t.Helper()
	db := openSQLiteAt(t, path)
	all, err := db.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := make(map[string]bool, len(all))
	for _, tenant := range all {
		stored[tenant.Name] = true
	}
	for _, name := range names {
		if !stored[name] {
			t.Errorf("%s was acknowledged and is lost (%d acknowledged, %d stored)", name, len(names), len(all))
		}
	}
}
