package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// readCertificates reads the certificates of a PEM file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s; certificates alone belong there", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, certificate)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return all, nil
}

// readKeys returns the keys of a client: one inline, or one a line of a file, the
// newest first. Two keys at once are how a key is changed without downtime.
func readKeys(inline, path string) ([]string, error) {
	if (inline == "") == (path == "") {
		return nil, errors.New("key: give either key or key-file")
	}
	keys := []string{inline}
	if path != "" {
		var err error
		if keys, err = readLines(path); err != nil {
			return nil, fmt.Errorf("key-file: %w", err)
		}
	}
	for _, k := range keys {
		if len(k) < minKeyLength {
			return nil, fmt.Errorf("key: must be at least %d random characters", minKeyLength)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key-file: holds no key")
	}
	return keys, nil
}

func readLines(path string) ([]string, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSecretFileBytes {
		return nil, fmt.Errorf("%s is too large", path)
	}
	return os.ReadFile(path)
}
