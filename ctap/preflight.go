package ctap

import (
	"context"
	"crypto/rand"
	"errors"
)

// preflight shortens a list of credentials to what a key can take. A list that fits
// is returned as it is. Of one that does not, the key is asked, in batches and
// without a touch, which it holds, and at most that one is returned (WebAuthn
// §6.3.2, §6.3.3; CTAP 2.1 §6.2 with up: false).
//
// fits says whether the command would fit the key's messages with the given list.
func (c *Client) preflight(ctx context.Context, v *verification, list []CredentialDescriptor, fits func([]CredentialDescriptor) bool) ([]CredentialDescriptor, error) {
	short := c.withoutOverlong(list)
	if len(short) <= c.batch() && fits(short) {
		return short, nil
	}
	for rest := short; len(rest) > 0; {
		n := c.probeSize(v, rest)
		if n == 0 { // one descriptor alone is more than the key takes: it is not the key's
			rest = rest[1:]
			continue
		}
		found, err := c.holds(ctx, v, rest[:n])
		if err != nil || found != nil {
			return found, err
		}
		rest = rest[n:]
	}
	return nil, nil
}

// batch is how many descriptors the key takes at once. One that does not say is
// asked one by one.
func (c *Client) batch() int { return max(c.info.MaxCredentialCountInList, 1) }

// withoutOverlong drops ids that are longer than any of this key's.
func (c *Client) withoutOverlong(list []CredentialDescriptor) []CredentialDescriptor {
	most := c.info.MaxCredentialIDLength
	if most == 0 {
		most = maxCredentialIDBytes
	}
	var short []CredentialDescriptor
	for _, d := range list {
		if len(d.ID) > 0 && len(d.ID) <= most {
			short = append(short, d)
		}
	}
	return short
}

// probeSize returns how many descriptors at the front of list fit one question.
func (c *Client) probeSize(v *verification, list []CredentialDescriptor) int {
	n := min(c.batch(), len(list))
	for n > 0 && !c.fits(v.question(list[:n]).wire()) {
		n--
	}
	return n
}

// question asks which of list the key holds, with a client data hash that is good
// for nothing else.
func (v *verification) question(list []CredentialDescriptor) *GetAssertionRequest {
	hash := make([]byte, 32)
	rand.Read(hash)
	return &GetAssertionRequest{
		RPID: v.rpID, ClientDataHash: hash, AllowList: list, Silent: true, PINUVAuth: v.auth(hash),
	}
}

// holds returns the one of list that the key names as its own, or nil.
func (c *Client) holds(ctx context.Context, v *verification, list []CredentialDescriptor) ([]CredentialDescriptor, error) {
	var resp *GetAssertionResponse
	err := v.spent(ctx, func() (err error) {
		resp, err = GetAssertion(ctx, c.dev, *v.question(list), nil)
		return err
	})
	switch {
	case errors.Is(err, StatusNoCredentials):
		return nil, nil
	case err != nil:
		return nil, err
	case resp.CredentialID == nil && len(list) == 1:
		return list, nil
	}
	for _, d := range list {
		if string(d.ID) == string(resp.CredentialID) {
			return []CredentialDescriptor{d}, nil
		}
	}
	return nil, malformed(CommandGetAssertion, "a credential that was not asked for")
}
