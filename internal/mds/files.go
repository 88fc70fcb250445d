package mds

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"bestow.dev/metadata"
)

const (
	// maxListBytes is the length of the longest revocation list or chain: 8 MiB. Those
	// of metadata services have some kilobytes.
	maxListBytes = 8 << 20
	// maxStatementBytes is the length of the longest file about one model.
	maxStatementBytes = 2 * metadata.MaxStatementBytes
)

// readFile reads a file of at most limit bytes. Its mark changes with the file.
func readFile(path string, limit int64) (text []byte, mark string, changed time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, "", time.Time{}, err
	}
	if text, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, "", time.Time{}, err
	}
	if int64(len(text)) > limit {
		return nil, "", time.Time{}, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return text, markOf(info), info.ModTime(), nil
}

func markOf(info os.FileInfo) string {
	return strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
}

// ReadStatements reads what the operator says of models: a JSON file, or every file of
// a directory whose name ends in .json. A file holds one metadata statement, or one
// whole entry as a BLOB has them, which can also tell the model's status.
//
// A file that cannot be used is an error that names it; what is wrong with single
// members is told in the findings.
func ReadStatements(path string) (*Own, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	names := []string{path}
	if info.IsDir() {
		if names, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
			return nil, err
		}
		slices.Sort(names)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds no file whose name ends in .json", path)
	}
	var entries []*metadata.Entry
	var findings []metadata.Finding
	for _, name := range names {
		text, _, changed, err := readFile(name, maxStatementBytes)
		if err != nil {
			return nil, err
		}
		e, told, err := readStatement(text, changed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries, findings = append(entries, e), append(findings, told...)
	}
	return NewOwn(entries, findings)
}

// readStatement reads an entry or a statement: only an entry has a status.
func readStatement(text []byte, changed time.Time) (*metadata.Entry, []metadata.Finding, error) {
	var entry struct {
		StatusReports json.RawMessage `json:"statusReports"`
	}
	if json.Unmarshal(text, &entry) == nil && entry.StatusReports != nil {
		return metadata.ParseEntry(text)
	}
	return metadata.EntryOfStatement(text, changed)
}

// ParseCertificates reads certificates in PEM, in their order. At least one is
// expected, and nothing else.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block %d is no certificate", len(all)+1)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all, text = append(all, c), rest
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in PEM")
	}
	if len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("after %d certificates comes something else", len(all))
	}
	return all, nil
}

// ParseRevocationList reads a revocation list in DER or PEM.
func ParseRevocationList(text []byte) (*x509.RevocationList, error) {
	if block, _ := pem.Decode(text); block != nil {
		if block.Type != "X509 CRL" {
			return nil, errors.New("the PEM block is no revocation list")
		}
		text = block.Bytes
	}
	return x509.ParseRevocationList(text)
}

// ReadRevocationLists reads a revocation list from each file.
func ReadRevocationLists(paths []string) ([]*x509.RevocationList, error) {
	var lists []*x509.RevocationList
	for _, path := range paths {
		text, _, _, err := readFile(path, maxListBytes)
		if err != nil {
			return nil, err
		}
		list, err := ParseRevocationList(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// ReadCertificates reads certificates in PEM from a file.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	text, _, _, err := readFile(path, maxListBytes)
	if err != nil {
		return nil, err
	}
	all, err := ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}
