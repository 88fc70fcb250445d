package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	manifestFile = "MANIFEST.json"
	vendorsFile  = "tpm-vendors.json"
	rootsDir     = "roots"
	extension    = ".pem"
	maxSets      = 100
)

// Load returns the lists as shipped with what dir replaces and adds. It is a mistake
// if dir holds anything that would not count, save names that begin with a dot and the
// manifest, which is for people. An error names the file, and the line where there is
// one.
func Load(dir fs.FS) (*Lists, error) {
	shipped := Default()
	l := &Lists{sets: shipped.RootSets(), vendors: shipped.vendors, origin: Shipped}
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, ".") || name == manifestFile:
		case name == vendorsFile:
			err = l.loadVendors(dir)
		case name == rootsDir:
			err = l.loadSets(dir)
		case path.Ext(name) == extension:
			err = fmt.Errorf("%s: certificates stand in %s/", name, rootsDir)
		default:
			err = fmt.Errorf("%s: there is no list of that name; there are %s and %s/", name, vendorsFile, rootsDir)
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// loadSets takes what is under roots/.
func (l *Lists) loadSets(dir fs.FS) error {
	entries, err := fs.ReadDir(dir, rootsDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		set, err := readSet(dir, path.Join(rootsDir, e.Name()))
		if err != nil {
			return err
		}
		if l.put(l.inPlace(set)); len(l.sets) > maxSets {
			return fmt.Errorf("%s: more than %d sets", rootsDir, maxSets)
		}
	}
	return l.checkFormats()
}

// inPlace returns set as the operator's, or the shipped one if it is the same file. A
// set that does not say what it is for is for what the shipped one is for.
func (l *Lists) inPlace(set RootSet) RootSet {
	set.Origin = Added
	if shipped, ok := Default().RootSet(set.Name); ok {
		if shipped.SHA256 == set.SHA256 {
			return shipped
		}
		set.Origin = Replaced
		if set.Formats == nil {
			set.Formats = shipped.Formats
		}
	}
	return set
}

// checkFormats finds a set that says nothing about what it is for.
func (l *Lists) checkFormats() error {
	for i := range l.sets {
		if s := &l.sets[i]; len(s.Formats) == 0 {
			return fmt.Errorf("%s/%s%s: a comment before the first certificate has to say what the set is for, such as \"# formats: packed, fido-u2f\"",
				rootsDir, s.Name, extension)
		}
	}
	return nil
}

// readSet reads one file, and takes from it alone what it is.
func readSet(dir fs.FS, file string) (RootSet, error) {
	name, ok := strings.CutSuffix(path.Base(file), extension)
	if !ok || !validName(name) {
		return RootSet{}, fmt.Errorf("%s: a file here is called NAME%s, with a NAME of lower-case letters, digits and dashes", file, extension)
	}
	text, err := readFile(dir, file)
	if err != nil {
		return RootSet{}, err
	}
	parsed, err := parseRoots(text)
	if err != nil {
		return RootSet{}, fmt.Errorf("%s: %w", file, err)
	}
	sum := sha256.Sum256(text)
	return RootSet{
		Name: name, Formats: parsed.formats, Source: parsed.source, Date: parsed.date,
		SHA256: hex.EncodeToString(sum[:]), Certificates: parsed.certificates,
	}, nil
}

// readFile reads a regular file, or what a symbolic link leads to, up to the limit.
func readFile(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name) // before it is opened: a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a file", name)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s: is larger than %d bytes", name, maxFileBytes)
	}
	return text, nil
}
