package policy

import (
	"slices"
	"strconv"

	"bestow.dev/metadata"
)

// property is a member of the metadata statement that holds words of the registry.
type property struct {
	name  string
	known []string
	of    func(*Properties) *Words
	in    func(*metadata.Statement) []string

	single bool // a statement has one of the words at a time
}

var properties = []property{
	{
		"attachmentHint", attachmentHints,
		func(p *Properties) *Words { return p.AttachmentHint },
		func(s *metadata.Statement) []string { return s.AttachmentHint }, false,
	},
	{
		"attestationTypes", statementAttestations,
		func(p *Properties) *Words { return p.AttestationTypes },
		func(s *metadata.Statement) []string { return s.AttestationTypes }, false,
	},
	{
		"authenticationAlgorithms", statementAlgorithms,
		func(p *Properties) *Words { return p.AuthenticationAlgorithms },
		func(s *metadata.Statement) []string { return s.AuthenticationAlgorithms }, false,
	},
	{
		"keyProtection", keyProtections,
		func(p *Properties) *Words { return p.KeyProtection },
		func(s *metadata.Statement) []string { return s.KeyProtection }, false,
	},
	{
		"matcherProtection", matcherProtections,
		func(p *Properties) *Words { return p.MatcherProtection },
		func(s *metadata.Statement) []string { return s.MatcherProtection }, false,
	},
	{
		"multiDeviceCredentialSupport", multiDeviceWords,
		func(p *Properties) *Words { return p.MultiDeviceCredentialSupport },
		func(s *metadata.Statement) []string { return word(s.MultiDeviceCredentialSupport) }, true,
	},
	{
		"protocolFamily", protocolFamilies,
		func(p *Properties) *Words { return p.ProtocolFamily },
		func(s *metadata.Statement) []string { return word(s.ProtocolFamily) }, true,
	},
	{
		"tcDisplay", displays,
		func(p *Properties) *Words { return p.TCDisplay },
		func(s *metadata.Statement) []string { return s.TCDisplay }, false,
	},
	{
		"userVerificationMethods", userVerificationWays,
		func(p *Properties) *Words { return p.UserVerificationMethods },
		verificationMethods, false,
	},
}

// word returns the one value of a member; none where it is unsaid.
func word(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// verificationMethods returns the methods of all alternatives.
func verificationMethods(s *metadata.Statement) []string {
	var methods []string
	for _, alternative := range s.UserVerificationDetails {
		for _, m := range alternative {
			if !slices.Contains(methods, m.Method) {
				methods = append(methods, m.Method)
			}
		}
	}
	return methods
}

// propertyRows are the rows of the table about properties: three for each.
func propertyRows() []row {
	var rows []row
	for _, p := range properties {
		path := "metadata.properties." + p.name
		rows = append(rows, row{path + ".anyOf", p.anyOf}, row{path + ".allOf", p.allOf}, row{path + ".noneOf", p.noneOf})
	}
	return rows
}

// asked returns what r says about the property.
func (p property) asked(r *Rules) Words {
	if r.Metadata == nil || r.Metadata.Properties == nil {
		return Words{}
	}
	if w := p.of(r.Metadata.Properties); w != nil {
		return *w
	}
	return Words{}
}

// anyOf: the statement has one of the words.
func (p property) anyOf(r *Rules) *clause {
	wanted := p.asked(r).AnyOf
	if wanted == nil {
		return nil
	}
	return entryRule(either(wanted, "words"), onStatement(func(s *metadata.Statement) finding {
		has := p.in(s)
		return judgeIf(overlap(has, wanted), shownList(has))
	}), p.limits(limit{some: wanted}, wanted)...)
}

// allOf: the statement has all the words.
func (p property) allOf(r *Rules) *clause {
	wanted := p.asked(r).AllOf
	if wanted == nil {
		return nil
	}
	return entryRule(every(wanted, "words"), onStatement(func(s *metadata.Statement) finding {
		has := p.in(s)
		return judgeIf(len(without(wanted, has)) == 0, shownList(has))
	}), p.limits(limit{all: wanted}, wanted)...)
}

// noneOf: the statement has none of the words, be the model proven or claimed.
func (p property) noneOf(r *Rules) *clause {
	denied := p.asked(r).NoneOf
	if denied == nil {
		return nil
	}
	return &clause{
		wanted: "not " + either(denied, "words"),
		judge: func(e *Evidence) finding {
			s := e.statement()
			if s == nil {
				return notJudged("the metadata does not describe the model")
			}
			has := p.in(s)
			return judgeIf(!overlap(has, denied), shownList(has))
		},
		limits:      []limit{{of: aspect(p.name), never: denied}},
		readsClaims: true,
	}
}

// limits returns what a rule that asks for words leaves. The family of the protocol
// says more: a U2F model has no AAGUID and attests in one format, and a UAF model does
// not speak WebAuthn.
func (p property) limits(own limit, wanted []string) []limit {
	own.of = aspect(p.name)
	if p.single {
		// One value is among all those that are wanted only where one is.
		own.only = append(own.some, own.all...)
		if len(own.all) > 1 {
			own.only = []string{}
		}
		own.some, own.all = nil, nil
	}
	limits := []limit{own}
	if p.name == "protocolFamily" && !slices.Contains(wanted, "fido2") {
		l := limit{of: ofFormat, only: []string{}, why: "a UAF model does not speak WebAuthn"}
		if slices.Contains(wanted, "u2f") {
			l.only, l.why = []string{"fido-u2f"}, "a U2F model attests in one format"
			limits = append(limits, byU2F()...)
		}
		limits = append(limits, l)
	}
	return limits
}

// isKeyRestricted: whether the key signs FIDO assertions only.
func isKeyRestricted(r *Rules) *clause {
	if r.Metadata == nil || r.Metadata.Properties == nil {
		return nil
	}
	return truth(ofKeyRestricted, r.Metadata.Properties.IsKeyRestricted, func(s *metadata.Statement) bool { return s.KeyRestricted })
}

// isFreshUserVerificationRequired: whether each signature takes a verification.
func isFreshUserVerificationRequired(r *Rules) *clause {
	if r.Metadata == nil || r.Metadata.Properties == nil {
		return nil
	}
	return truth(ofFreshUV, r.Metadata.Properties.IsFreshUserVerificationRequired, func(s *metadata.Statement) bool { return s.FreshUserVerification })
}

// truth returns a rule about a member that is true or false.
func truth(of aspect, wanted *bool, in func(*metadata.Statement) bool) *clause {
	if wanted == nil {
		return nil
	}
	return entryRule(yesOrNo(*wanted), onStatement(func(s *metadata.Statement) finding {
		return judgeIf(in(s) == *wanted, yesOrNo(in(s)))
	}), only(of, yesOrNo(*wanted)))
}

func yesOrNo(b bool) string {
	if b {
		return yes
	}
	return no
}

// minimumCryptoStrength: the statement gives a strength, and it is enough.
func minimumCryptoStrength(r *Rules) *clause {
	if r.Metadata == nil || r.Metadata.Properties == nil || r.Metadata.Properties.MinimumCryptoStrength == nil {
		return nil
	}
	least := *r.Metadata.Properties.MinimumCryptoStrength
	return entryRule(strconv.Itoa(int(least))+" bits or more", onStatement(func(s *metadata.Statement) finding {
		if s.CryptoStrength == 0 {
			return refused("no strength", "the metadata does not say")
		}
		return judgeIf(s.CryptoStrength >= least, strconv.Itoa(int(s.CryptoStrength))+" bits")
	}))
}
