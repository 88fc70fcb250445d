package policy

import "slices"

// table has every rule there is, in the order of the document.
var table = slices.Concat([]row{
	{"models.allow", modelsAllow},
	{"models.deny", modelsDeny},
	{"keyIdentifiers.allow", keyIdentifiersAllow},
	{"keyIdentifiers.deny", keyIdentifiersDeny},
	{"metadata.required", metadataRequired},
	{"metadata.statuses.deny", statusesDeny},
	{"metadata.minimumLevel", minimumLevel},
	{"metadata.minimumAuthenticatorVersion", minimumAuthenticatorVersion},
}, propertyRows(), []row{
	{"metadata.properties.isKeyRestricted", isKeyRestricted},
	{"metadata.properties.isFreshUserVerificationRequired", isFreshUserVerificationRequired},
	{"metadata.properties.minimumCryptoStrength", minimumCryptoStrength},
	{"firmware.minimum", firmwareMinimum},
	{"firmware.trustworthy", firmwareTrustworthy},
	{"attestation.types.allow", typesAllow},
	{"attestation.types.deny", typesDeny},
	{"attestation.formats.allow", formatsAllow},
	{"attestation.formats.deny", formatsDeny},
	{"attestation.trusted", attestationTrusted},
	{"attestation.asMetadata", attestationAsMetadata},
	{"algorithms.allow", algorithmsAllow},
	{"algorithms.deny", algorithmsDeny},
	{"userVerification", userVerification},
	{"residentKey", residentKey},
	{"syncedPasskeys", syncedPasskeys},
	{"backedUp", backedUp},
	{"transports.anyOf", transportsAnyOf},
	{"transports.allOf", transportsAllOf},
	{"transports.noneOf", transportsNoneOf},
	{"attachment", attachment},
})

// row is one rule: where it stands in a group of rules, and what becomes of what a
// document says there. The function returns nil where it says nothing.
type row struct {
	path    string
	compile func(*Rules) *clause
}

// clause is a rule of one document, ready to judge.
type clause struct {
	path   string // in the document
	wanted string // in words
	judge  func(*Evidence) finding
	limits []limit // what can still pass
	// readsClaims says that the rule denies by what an attestation tells of the model,
	// so that it has something to judge only where one is asked for.
	readsClaims bool
}

// finding is what a clause makes of evidence.
type finding struct {
	outcome Outcome
	found   string // in words
	why     string // why it was refused or not judged, beyond what was found
}

func passed(found string) finding { return finding{outcome: Passed, found: found} }

// refused returns the finding against what was found, unless that alone says it: why.
func refused(found, why string) finding { return finding{Refused, found, why} }

// notJudged is for rules that deny or that rest on the client's word, where nothing is
// known.
func notJudged(why string) finding { return finding{outcome: NotJudged, why: why} }

// judgeIf returns the finding of a rule that holds if ok.
func judgeIf(ok bool, found string) finding {
	if ok {
		return passed(found)
	}
	return refused(found, "")
}

// clauses compiles the group of rules that stands at path.
func (r *Rules) clauses(path string) []clause {
	var all []clause
	for _, row := range table {
		if c := row.compile(r); c != nil {
			c.path = join(path, row.path)
			all = append(all, *c)
		}
	}
	return all
}

// set returns the items for look-up.
func set[T comparable](items []T) map[T]bool {
	m := make(map[T]bool, len(items))
	for _, item := range items {
		m[item] = true
	}
	return m
}
