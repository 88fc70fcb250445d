package softkey

import "slices"

// compound attests in several formats at once (WebAuthn §8.9).
type compound []attester

// algorithms are those that every part can attest.
func (c compound) algorithms() []int64 {
	var every []int64
	for _, alg := range algorithms {
		if !slices.ContainsFunc(c, func(part attester) bool {
			only := part.algorithms()
			return only != nil && !slices.Contains(only, alg)
		}) {
			every = append(every, alg)
		}
	}
	return every
}

func (compound) aaguid() [16]byte { return AAGUID }

func (c compound) attest(s subjectOfAttestation) (Statement, error) {
	whole := Statement{Format: "compound"}
	for _, part := range c {
		statement, err := part.attest(s)
		if err != nil {
			return Statement{}, err
		}
		whole.Parts = append(whole.Parts, statement)
	}
	return whole, nil
}

func (compound) forgeries() []Forgery {
	return slices.Concat([]Forgery{
		partsForgery("one part", func(s *Statement) { s.Parts = s.Parts[:1] }),
		partsForgery("no parts", func(s *Statement) { s.Parts = []Statement{} }),
		partsForgery("more parts than anybody needs", func(s *Statement) { s.Parts = slices.Repeat(s.Parts, 5) }),
		partsForgery("part that is compound itself", func(s *Statement) {
			s.Parts = append(s.Parts, Statement{Format: "compound", Parts: slices.Clone(s.Parts)})
		}),
		partsForgery("part of a format that nobody knows", func(s *Statement) { s.Parts[1].Format = "unheard-of" }),
		partsForgery("part in another's name", func(s *Statement) { s.Parts[1].Format = "fido-u2f" }),
		partsForgery("first part with a spoilt signature", func(s *Statement) { spoilPart(s.Parts[0]) }),
		partsForgery("second part with a spoilt signature", func(s *Statement) { spoilPart(s.Parts[1]) }),
		partsForgery("a map", func(s *Statement) { *s = Statement{Format: s.Format, Members: s.Parts[0].Members} }),
		descriptionForgery("key made for another registration", func(d *KeyDescription) { d.Challenge = flipLast(d.Challenge) }),
		partsForgery("no part with a certificate signed by the root (where trust is required)", func(s *Statement) {
			for _, part := range s.Parts {
				part.Members["x5c"] = [][]byte{flipLast(part.Members["x5c"].([][]byte)[0])}
			}
		}),
	}, signatureForgeries(true))
}

func spoilPart(part Statement) { part.Members["sig"] = flipLast(part.Members["sig"].([]byte)) }

func partsForgery(name string, spoil func(*Statement)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{Statement: spoil}}
}
