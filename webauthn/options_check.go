package webauthn

import (
	"fmt"
	"math"
	"slices"
)

// Limits of options.
const (
	// MaxOptionsBytes is how long options in JSON may be.
	MaxOptionsBytes = 64<<10 - 1

	// MinChallengeBytes is how short a challenge may be (§13.4.3).
	MinChallengeBytes = 16

	maxUserHandle  = 64 // §5.4.3
	challengeBytes = 32

	// defaultTimeoutMillis is the default §15.1 recommends.
	defaultTimeoutMillis = 300_000
)

// OptionsError reports that options cannot be sent to a client.
type OptionsError struct {
	Member  string // path of the offending member, such as "user.id"; empty for the whole
	Problem string // what is wrong with it
	Err     error  // what lay beneath, if anything did
}

// Error returns the text for the log and for the caller that made the options.
func (e *OptionsError) Error() string {
	text := "webauthn: options"
	if e.Member != "" {
		text += ": " + e.Member
	}
	text += ": " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *OptionsError) Unwrap() error { return e.Err }

// Check reports, as an [*OptionsError], the first member that a client would not take.
func (o *CreationOptions) Check() error {
	switch {
	case o.RP.ID == "":
		return &OptionsError{Member: "rp.id", Problem: "missing"}
	case o.RP.Name == "":
		return &OptionsError{Member: "rp.name", Problem: "missing"}
	case len(o.User.ID) == 0 || len(o.User.ID) > maxUserHandle:
		return &OptionsError{Member: "user.id", Problem: "not 1 to 64 bytes"}
	case o.User.Name == "":
		return &OptionsError{Member: "user.name", Problem: "missing"}
	case len(o.PubKeyCredParams) == 0:
		return &OptionsError{Member: "pubKeyCredParams", Problem: "no algorithm offered"}
	}
	for i, p := range o.PubKeyCredParams {
		if p.Type != TypePublicKey {
			return &OptionsError{Member: fmt.Sprintf("pubKeyCredParams[%d].type", i), Problem: "not public-key"}
		}
		if p.Algorithm == 0 {
			return &OptionsError{Member: fmt.Sprintf("pubKeyCredParams[%d].alg", i), Problem: "missing"}
		}
	}
	if err := checkShared("excludeCredentials", o.Challenge, o.TimeoutMillis, o.ExcludeCredentials); err != nil {
		return err
	}
	return checkExtensions(o.Extensions, registrationInputs, nil)
}

// Check reports, as an [*OptionsError], the first member that a client would not take.
func (o *RequestOptions) Check() error {
	if err := checkShared("allowCredentials", o.Challenge, o.TimeoutMillis, o.AllowCredentials); err != nil {
		return err
	}
	return checkExtensions(o.Extensions, authenticationInputs, o.AllowCredentials)
}

// checkShared checks what both kinds of options have; list is the name of credentials.
func checkShared(list string, challenge []byte, timeoutMillis int64, credentials []CredentialDescriptor) error {
	if len(challenge) < MinChallengeBytes {
		return &OptionsError{Member: "challenge", Problem: "fewer than 16 bytes"}
	}
	if timeoutMillis < 0 || timeoutMillis > math.MaxUint32 {
		return &OptionsError{Member: "timeout", Problem: "not a number of milliseconds that a client takes"}
	}
	wrong := func(d CredentialDescriptor) bool {
		return d.Type != TypePublicKey || len(d.ID) == 0 || len(d.ID) > maxCredentialID
	}
	if i := slices.IndexFunc(credentials, wrong); i >= 0 {
		return &OptionsError{Member: fmt.Sprintf("%s[%d]", list, i), Problem: "not a public-key credential with an ID of 1 to 1023 bytes"}
	}
	return nil
}
