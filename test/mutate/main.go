// Command mutate breaks the checks of the verifier one at a time, in a copy outside the
// tree, and runs the tests of the package it broke. A test has to fail; an edit that no
// test notices is a survivor, and says which test is missing.
//
//	go run ./test/mutate [-run regexp]
//
// Each package has its list of edits beside this file, named after it. An edit looks like
// this; it applies to the one place of the file where the lines marked with a space or a
// minus sign stand:
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
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

//go:embed *.edits
var lists embed.FS

// packages are those that are broken, below the module's root. The edits of a/b are in
// b.edits, and in files whose names begin with "b-".
var packages = []string{"webauthn", "cose", "internal/revocation", "metadata"}

// needed is what it takes to build and test them.
var needed = append([]string{
	"go.mod", "go.sum", "ctap", "trust", "internal/strictcbor", "internal/strictjson", "test/hostile",
}, packages...)

// testLimit ends tests that a broken check made run forever; they noticed, in a way.
const testLimit = 2 * time.Minute

func main() {
	text := flag.String("run", "", "try only the edits whose package and name, such as \"cose/rsa.go: …\", match this expression")
	flag.Parse()
	only, err := regexp.Compile(*text)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bad, err := run(ctx, only)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	case bad > 0:
		os.Exit(1)
	}
}

// run tries every edit, and returns how many were not noticed or could not be tried.
func run(ctx context.Context, only *regexp.Regexp) (bad int, err error) {
	scratch, err := os.MkdirTemp("", "bestow-mutate-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	lab, err := newLab(scratch)
	if err != nil {
		return 0, err
	}
	tried := 0
	for _, pkg := range packages {
		edits, err := editsOf(pkg)
		if err != nil {
			return 0, err
		}
		edits = slices.DeleteFunc(edits, func(e edit) bool { return !only.MatchString(pkg + "/" + e.name) })
		missed, err := lab.tryAll(ctx, pkg, edits)
		if err != nil {
			return 0, err
		}
		tried += len(edits)
		bad += missed
	}
	if tried == 0 {
		return 0, fmt.Errorf("no edit matches %q", only)
	}
	fmt.Printf("%d edits, %d noticed, %d not\n", tried, tried-bad, bad)
	return bad, nil
}

// editsOf reads the lists of a package.
func editsOf(pkg string) ([]edit, error) {
	base := path.Base(pkg)
	names, err := fs.Glob(lists, base+"-*.edits")
	if err != nil {
		return nil, err
	}
	var all []edit
	for _, name := range append([]string{base + ".edits"}, names...) {
		text, err := lists.ReadFile(name)
		if err != nil {
			return nil, err
		}
		edits, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, edits...)
	}
	return all, check(all)
}

// verdict is what became of an edit.
type verdict string

const (
	noticed  verdict = "noticed"
	survived verdict = "SURVIVED"
	stale    verdict = "DOES NOT APPLY"
	broken   verdict = "DOES NOT COMPILE"
)

// lab is a copy of the packages with their tests, where things may be broken.
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

// tryAll tries the edits of a package, and returns how many were not noticed.
func (l *lab) tryAll(ctx context.Context, pkg string, edits []edit) (bad int, err error) {
	if len(edits) == 0 {
		return 0, nil
	}
	if verdict, detail := l.try(ctx, pkg); verdict != survived {
		return 0, fmt.Errorf("the tests of %s have to pass before anything is broken: %s\n%s", pkg, verdict, detail)
	}
	for _, e := range edits {
		verdict, detail := l.mutate(ctx, pkg, e)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if verdict != noticed {
			bad++
			fmt.Printf("%s: %s/%s\n%s", verdict, pkg, e.name, detail)
		}
	}
	return bad, nil
}

// mutate makes one edit, tries it, and takes it back.
func (l *lab) mutate(ctx context.Context, pkg string, e edit) (verdict, string) {
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
	result, detail := l.try(ctx, pkg)
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return stale, fmt.Sprintln(err) // and so will be all later edits of the file
	}
	return result, detail
}

// try builds the tests of a package and runs them. The detail is what tools had to say,
// if that is of use.
func (l *lab) try(ctx context.Context, pkg string) (verdict, string) {
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
