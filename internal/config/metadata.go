package config

import (
	"errors"
	"fmt"
	"regexp"
)

// sourceName is the form of the name of a metadata source: it is a label of metrics and
// a word of the command line.
var sourceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// completeMetadata checks the sources of metadata and makes their paths relative to the
// working directory.
func (c *Config) completeMetadata(at func(*string)) error {
	seen := map[string]bool{}
	for i := range c.Metadata {
		m := &c.Metadata[i]
		if err := m.complete(at); err != nil {
			return fmt.Errorf("metadata[%d].%w", i, err)
		}
		if seen[m.Name] {
			return fmt.Errorf("metadata[%d].name: %q stands twice", i, m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

func (m *Metadata) complete(at func(*string)) error {
	for _, path := range []*string{&m.File, &m.Statements, &m.RootsFile} {
		at(path)
	}
	for i := range m.CRLFiles {
		at(&m.CRLFiles[i])
	}
	if !sourceName.MatchString(m.Name) {
		return errors.New("name: want 1 to 64 lower-case letters, digits and dashes")
	}
	given := 0
	for _, place := range []string{m.URL, m.File, m.Statements} {
		if place != "" {
			given++
		}
	}
	if given != 1 {
		return errors.New("url: give exactly one of url, file and statements")
	}
	if m.Statements != "" {
		return m.checkStatements()
	}
	return m.checkService()
}

// checkStatements refuses what would have no effect on statements of the operator's
// own, which nobody signs.
func (m *Metadata) checkStatements() error {
	key := ""
	switch {
	case m.RootsFile != "":
		key = "roots-file"
	case len(m.CRLFiles) > 0:
		key = "crl-files"
	case m.AllowUnknownRevocation:
		key = "allow-unknown-revocation"
	case m.RefuseOutdated:
		key = "refuse-outdated"
	case m.Grace != 0:
		key = "grace"
	default:
		return nil
	}
	return fmt.Errorf("%s: does not go with statements, which nobody signs", key)
}

func (m *Metadata) checkService() error {
	if m.URL != "" {
		if err := checkHTTPS(m.URL); err != nil {
			return fmt.Errorf("url: %w", err)
		}
	}
	switch {
	case m.Grace < 0:
		return errors.New("grace: cannot be negative")
	case m.Grace != 0 && !m.RefuseOutdated:
		return errors.New("grace: has no effect without refuse-outdated")
	}
	for i, path := range m.CRLFiles {
		if path == "" {
			return fmt.Errorf("crl-files[%d]: is empty", i)
		}
	}
	return nil
}
