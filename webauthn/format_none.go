package webauthn

// verifyNone is the procedure of format none (§8.7): there is nothing to verify,
// and the statement is the empty map.
func verifyNone(attStmt []byte, _ *attestedInput) (*statement, error) {
	members, ok := cborMap(attStmt)
	if !ok || len(members) != 0 {
		return nil, refuse(ReasonAttestationStatementMalformed, "8.7", "the statement of format none is not the empty map")
	}
	return &statement{kind: AttestationNone}, nil
}
