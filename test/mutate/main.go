// Command mutate breaks the checks of package webauthn one at a time, in a copy outside
// the tree, and runs the package's tests on each broken copy. A test has to fail; an edit
// that no test notices is a survivor, and says which test is missing.
//
//	go run ./test/mutate [-run text]
//
// The edits are in webauthn.edits beside this file. One looks like this; it applies to the
// one place of the file where the lines marked with a space or a minus sign stand:
//
//	# registration.go: 7.1/15: nobody touched the authenticator
//	-	if !authData.Flags.UserPresent() {
//	+	if false && !authData.Flags.UserPresent() {
//
// It exits with status 1 if an edit survives, no longer applies or does not compile, and
// with 2 if it could not begin: the tests have to pass on what is not broken.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

//go:embed webauthn.edits
var list string

// Where the package is, and what it takes to test it, below the module's root.
const pkg = "webauthn"

var needed = []string{"go.mod", "go.sum", pkg, "cose", "ctap", "trust", "internal/strictcbor", "internal/strictjson", "internal/revocation"}

// testLimit ends tests that a broken check made run forever; they noticed, in a way.
const testLimit = 2 * time.Minute

func main() {
	only := flag.String("run", "", "try only the edits whose name has this text in it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bad, err := run(ctx, *only)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	case bad > 0:
		os.Exit(1)
	}
}

// run tries every edit, and returns how many were not noticed or could not be tried.
func run(ctx context.Context, only string) (bad int, err error) {
	edits, err := parse(list)
	if err != nil {
		return 0, err
	}
	scratch, err := os.MkdirTemp("", "bestow-mutate-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	lab, err := newLab(scratch)
	if err != nil {
		return 0, err
	}
	if verdict, detail := lab.try(ctx); verdict != survived {
		return 0, fmt.Errorf("the tests have to pass before anything is broken: %s\n%s", verdict, detail)
	}

	tried := 0
	for _, e := range edits {
		if !strings.Contains(e.name, only) {
			continue
		}
		verdict, detail := lab.mutate(ctx, e)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		tried++
		if verdict != noticed {
			bad++
			fmt.Printf("%s: %s\n%s", verdict, e.name, detail)
		}
	}
	fmt.Printf("%d edits, %d noticed, %d not\n", tried, tried-bad, bad)
	return bad, nil
}

// verdict is what became of an edit.
type verdict string

const (
	noticed  verdict = "noticed"
	survived verdict = "SURVIVED"
	stale    verdict = "DOES NOT APPLY"
	broken   verdict = "DOES NOT COMPILE"
)

// lab is a copy of the package with its tests, where things may be broken.
type lab struct {
	root string
	env  []string
}

// newLab copies what is needed from the working tree, as it is now, to root.
func newLab(root string) (*lab, error) {
	for _, name := range needed {
		if err := copyTree(filepath.Join(root, name), name); err != nil {
			return nil, fmt.Errorf("copy %s (run from the module's root): %w", name, err)
		}
	}
	env := os.Environ()
	if os.Getenv("BESTOW_VECTORS") == "" { // the tests look beside the tree
		vectors, err := filepath.Abs(filepath.Join("..", "shared", "vectors"))
		if err != nil {
			return nil, err
		}
		env = append(env, "BESTOW_VECTORS="+vectors)
	}
	return &lab{root: root, env: env}, nil
}

// copyTree copies a file, or a directory with everything below it.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

// mutate makes one edit, tries it, and takes it back.
func (l *lab) mutate(ctx context.Context, e edit) (verdict, string) {
	name := filepath.Join(l.root, pkg, e.file)
	text, err := os.ReadFile(name)
	if err != nil {
		return stale, fmt.Sprintln(err)
	}
	after, err := e.apply(string(text))
	if err != nil {
		return stale, fmt.Sprintln(err)
	}
	if err := os.WriteFile(name, []byte(after), 0o644); err != nil {
		return stale, fmt.Sprintln(err)
	}
	result, detail := l.try(ctx)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return stale, fmt.Sprintln(err) // and so will be all later edits of the file
	}
	return result, detail
}

// try builds the tests and runs them. The detail is what tools had to say, if that is
// of use.
func (l *lab) try(ctx context.Context) (verdict, string) {
	binary := filepath.Join(l.root, "tests")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./"+pkg)
	build.Dir, build.Env = l.root, l.env
	if out, err := build.CombinedOutput(); err != nil {
		return broken, string(out)
	}
	limited, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	test := exec.CommandContext(limited, binary, "-test.failfast")
	test.Dir, test.Env = filepath.Join(l.root, pkg), l.env
	out, err := test.CombinedOutput()
	if err == nil {
		return survived, ""
	}
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		return broken, fmt.Sprintln(err)
	}
	return noticed, string(out)
}
