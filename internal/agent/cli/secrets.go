package cli

import (
	"bytes"
	"io"
	"os"
)

// maxSecretsBytes bounds what is read from the secrets pipe.
const maxSecretsBytes = 4 << 10

// secretFlags lets an unattended desk hand in what a person would type.
type secretFlags struct {
	SecretsFD int `name:"secrets-fd" help:"Read secrets from this inherited file descriptor: lines pin=… and passphrase=…" default:"-1" placeholder:"N"`
}

// secrets are what came through the pipe. A nil member was not given.
type secrets struct {
	pin        []byte
	passphrase []byte
}

// read takes the secrets in. The descriptor is closed, so that nothing that is run
// later inherits it. Its errors never quote a line.
func (f secretFlags) read(in *invocation) (*secrets, error) {
	switch {
	case f.SecretsFD < 0:
		return &secrets{}, nil
	case f.SecretsFD == 0:
		return readSecrets(in.Stdin)
	case f.SecretsFD < 3:
		return nil, usage("--secrets-fd: %d is an output", f.SecretsFD)
	}
	file := os.NewFile(uintptr(f.SecretsFD), "secrets")
	if file == nil {
		return nil, usage("--secrets-fd: %d is not an open file descriptor", f.SecretsFD)
	}
	defer file.Close()
	return readSecrets(file)
}

func readSecrets(r io.Reader) (*secrets, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecretsBytes+1))
	defer clear(data)
	if err != nil {
		return nil, usage("--secrets-fd: the descriptor cannot be read")
	}
	if len(data) > maxSecretsBytes {
		return nil, usage("--secrets-fd: more than %d bytes", maxSecretsBytes)
	}
	var s secrets
	n := 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		name, value, ok := bytes.Cut(line, []byte("="))
		switch {
		case len(line) == 0:
		case ok && string(name) == "pin" && s.pin == nil:
			s.pin = bytes.Clone(value)
		case ok && string(name) == "passphrase" && s.passphrase == nil:
			s.passphrase = bytes.Clone(value)
		default:
			return nil, usage("--secrets-fd: line %d is neither pin=… nor passphrase=…, or is given twice", n)
		}
	}
	return &s, nil
}

// clear forgets the secrets.
func (s *secrets) clear() {
	clear(s.pin)
	clear(s.passphrase)
}
