package agent

import (
	"fmt"
	"slices"
	"strings"
)

// Trust is the allow list: which relays may reach this desk, and for which relying
// parties each may ask. An empty list refuses all.
type Trust []TrustedRelay

// TrustedRelay is an entry of the allow list.
type TrustedRelay struct {
	// Host is the relay as its links name it: host name in lower case, and the port
	// unless it is 443.
	Host string `json:"relay"`

	// RPIDs are the RP IDs it may ask for, compared exactly. Empty: none.
	RPIDs []string `json:"rpIds"`
}

// AllowsHost reports whether links of the relay at host may be followed.
func (t Trust) AllowsHost(host string) bool {
	return slices.ContainsFunc(t, func(r TrustedRelay) bool { return r.Host == host })
}

// Allows reports whether the relay at host may ask for a credential of rpID.
func (t Trust) Allows(host, rpID string) bool {
	return slices.ContainsFunc(t, func(r TrustedRelay) bool {
		return r.Host == host && slices.Contains(r.RPIDs, rpID)
	})
}

// Add returns the list with host allowed to ask for rpIDs too. Both are checked and
// brought into the form in which they are compared.
func (t Trust) Add(host string, rpIDs ...string) (Trust, error) {
	host, err := canonicalRelay(host)
	if err != nil {
		return nil, err
	}
	if len(rpIDs) == 0 {
		return nil, fmt.Errorf("at least one RP ID is needed: a relay may ask for nothing else")
	}
	out := t.clone()
	i := slices.IndexFunc(out, func(r TrustedRelay) bool { return r.Host == host })
	if i < 0 {
		out = append(out, TrustedRelay{Host: host})
		i = len(out) - 1
	}
	for _, id := range rpIDs {
		id = strings.ToLower(id)
		if err := CheckRPID(id); err != nil {
			return nil, err
		}
		if !slices.Contains(out[i].RPIDs, id) {
			out[i].RPIDs = append(out[i].RPIDs, id)
		}
	}
	return out, nil
}

// Remove returns the list without the given RP IDs of host; without any, or when
// none is left, the relay itself goes. It is an error if there is nothing to remove.
func (t Trust) Remove(host string, rpIDs ...string) (Trust, error) {
	host, err := canonicalRelay(host)
	if err != nil {
		return nil, err
	}
	out := t.clone()
	i := slices.IndexFunc(out, func(r TrustedRelay) bool { return r.Host == host })
	if i < 0 {
		return nil, fmt.Errorf("relay %s is not on the allow list", host)
	}
	for _, id := range rpIDs {
		at := slices.Index(out[i].RPIDs, strings.ToLower(id))
		if at < 0 {
			return nil, fmt.Errorf("RP ID %q is not allowed for relay %s", id, host)
		}
		out[i].RPIDs = slices.Delete(out[i].RPIDs, at, at+1)
	}
	if len(rpIDs) == 0 || len(out[i].RPIDs) == 0 {
		out = slices.Delete(out, i, i+1)
	}
	return out, nil
}

// check refuses entries that could never match, so that a slip of the pen in the
// file is seen.
func (t Trust) check() error {
	seen := map[string]bool{}
	for _, r := range t {
		host, err := canonicalRelay(r.Host)
		switch {
		case err != nil:
			return err
		case host != r.Host:
			return fmt.Errorf("relay %q is to be written %q", r.Host, host)
		case seen[host]:
			return fmt.Errorf("relay %s is listed twice", host)
		}
		seen[host] = true
		for _, id := range r.RPIDs {
			if err := CheckRPID(id); err != nil {
				return fmt.Errorf("relay %s: %w", host, err)
			}
		}
	}
	return nil
}

func (t Trust) clone() Trust {
	out := make(Trust, len(t))
	for i, r := range t {
		out[i] = TrustedRelay{Host: r.Host, RPIDs: slices.Clone(r.RPIDs)}
	}
	return out
}
