package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// secretPrefix tells the libraries of receivers what they are given.
const secretPrefix = "whsec_"

// secretBytes is the size of a key, as the specification recommends it: 24 to 64.
const secretBytes = 32

// newSecret returns a secret in the form that operators carry to the receiver: the prefix
// and the key in base64 with padding, which is the one that receivers' libraries read.
func newSecret() string {
	var key [secretBytes]byte
	rand.Read(key[:])
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

var errSecret = errors.New("a stored secret does not have its form")

// Sign returns the signature header of a delivery: one signature for each secret, the
// newest first. It returns an error if a secret does not have the form of one.
func Sign(id string, at time.Time, body []byte, secrets ...string) (string, error) {
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		text, ok := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			return "", errSecret
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(signatures, " "), nil
}

// headers returns those of one try.
func headers(id string, at time.Time, body []byte, secrets ...string) (map[string]string, error) {
	signature, err := Sign(id, at, body, secrets...)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"Content-Type": "application/json", HeaderID: id,
		HeaderTimestamp: strconv.FormatInt(at.Unix(), 10), HeaderSignature: signature,
	}, nil
}
