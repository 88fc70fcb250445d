package credential

import (
	"bytes"
	"encoding/json"
	"slices"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// TestTPMManufacturer is the manufacturer of the TPMs that the FIDO Alliance's conformance
// tests pretend to have. No registry lists it.
const TestTPMManufacturer = "FFFFF1D0"

// Profile is what conformance tests of FIDO2 servers ask for beyond what is good for
// people. It takes the place of a relying party's own settings where they differ:
//
//   - every algorithm of the tests is offered, RS1 among them, and RS1 keys are accepted;
//   - user verification is preferred, discoverable credentials discouraged, and whoever
//     begins a ceremony may ask for more or less;
//   - types none and self pass, every other attestation has to lead to an anchor;
//   - a model that attests has to be in the metadata, and to attest and to sign in the
//     ways that stand there;
//   - keys that attest in format fido-u2f name no model;
//   - certificates come in order and without the anchor;
//   - TPMs may sign with SHA-1, and [TestTPMManufacturer] is accepted;
//   - client data may speak of token binding only as Level 1 has it.
//
// It is to be had for test data alone, which is for whoever sets it to see to.
type Profile struct {
	Tenant       string
	RelyingParty string

	// AllowNoUserPresence accepts answers without flag UP, as some early tests want.
	AllowNoUserPresence bool
}

// profileAlgorithms are those that conformance tests use.
var profileAlgorithms = []cose.Algorithm{
	cose.ES256, cose.EdDSA, cose.ES384, cose.ES512, cose.PS256, cose.PS384, cose.PS512, cose.RS256, cose.RS384, cose.RS512, cose.RS1,
}

// apply has s follow the profile, if it is of its relying party.
func (f *Profile) apply(s *policySet) {
	if f == nil || s.source.Tenant != f.Tenant || s.source.ID != f.RelyingParty {
		return
	}
	s.profile, s.extensions = f, nil
	s.demands.Algorithms = slices.Clone(profileAlgorithms)
	s.demands.UserVerification = webauthn.UserVerificationPreferred
	s.demands.ResidentKey = webauthn.ResidentKeyDiscouraged
	s.demands.Attachment = ""
	s.signInDemands.UserVerification = webauthn.UserVerificationPreferred
	s.trust.Attestation, s.trust.AcceptNone, s.trust.AcceptSelf = webauthn.TrustRequire, true, true
	s.trust.StrictChain, s.trust.AllowSHA1TPMStatements = true, true
	s.trust.TPMVendors = append(slices.Clone(s.trust.TPMVendors), TestTPMManufacturer)
}

// expect widens what a registration is judged by.
func (f *Profile) expect(e *webauthn.RegistrationExpectation) {
	if f == nil {
		return
	}
	e.AllowSHA1Keys = true
	if f.AllowNoUserPresence {
		e.UserPresence = webauthn.UserPresenceOptional
	}
}

// atSignIn widens what an assertion is judged by, and judges its client data.
func (f *Profile) atSignIn(e *webauthn.AuthenticationExpectation, resp *webauthn.AuthenticationResponse) error {
	if f == nil {
		return nil
	}
	e.AllowSHA1Keys = true
	if f.AllowNoUserPresence {
		e.UserPresence = webauthn.UserPresenceOptional
	}
	return checkTokenBinding(resp.ClientDataJSON)
}

// profiled judges what the standard leaves open and conformance tests do not.
//
// Errors: [*webauthn.VerificationError]; client_data.token_binding,
// metadata.unknown_model, metadata.attestation_type, metadata.algorithm.
func (s *policySet) profiled(expected webauthn.RegistrationExpectation, resp *webauthn.RegistrationResponse) error {
	if err := checkTokenBinding(resp.ClientDataJSON); err != nil {
		return err
	}
	reg, err := webauthn.VerifyRegistration(expected, resp)
	if err != nil || reg.AttestationType == webauthn.AttestationNone {
		return err
	}
	if reg.Format == "fido-u2f" && !reg.AAGUID.IsZero() {
		return &webauthn.VerificationError{Reason: webauthn.ReasonAAGUIDMismatch, Step: "8.6", Detail: "U2F knows no models, and the AAGUID is not zero"}
	}
	attestation := reg.Attestation()
	models := s.modelsOf(attestation)
	if len(models) == 0 {
		// Whoever did not ask for attestation does not mind who attests nothing but itself.
		if reg.AttestationType == webauthn.AttestationSelf && expected.Attestation == webauthn.ConveyanceNone {
			return nil
		}
		return ErrModelUnknown
	}
	statement := models[0].Entry.Statement
	switch {
	case statement == nil:
		return nil
	case !statement.HasAttestation(reg.AttestationType):
		return ErrModelAttestation
	case !statement.HasAlgorithm(reg.Algorithm), attestation.Algorithm != 0 && !statement.HasAlgorithm(attestation.Algorithm):
		return ErrModelAlgorithm
	}
	return nil
}

// checkTokenBinding judges what client data says of token binding (Level 1, §5.8.1),
// which Level 3 does not look at any more.
func checkTokenBinding(clientDataJSON []byte) error {
	var said struct {
		TokenBinding json.RawMessage `json:"tokenBinding"`
	}
	// It was parsed before, and may begin with a byte order mark.
	text := bytes.TrimPrefix(clientDataJSON, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(text, &said); err != nil || said.TokenBinding == nil {
		return err
	}
	var binding *struct {
		Status string `json:"status"`
	}
	if json.Unmarshal(said.TokenBinding, &binding) != nil || binding == nil ||
		!slices.Contains([]string{"present", "supported", "not-supported"}, binding.Status) {
		return ErrTokenBinding
	}
	return nil
}
