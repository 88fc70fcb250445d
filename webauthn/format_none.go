package webauthn

import "bestow.dev/internal/strictcbor"

// verifyNone is the procedure of format none (§8.7): there is nothing to verify,
// and the statement is the empty map.
func verifyNone(attStmt strictcbor.Item, _ *attestedInput) (*statement, error) {
	if attStmt.Kind() != strictcbor.Map || attStmt.Len() != 0 {
		return nil, refuse(ReasonAttestationStatementMalformed, "8.7", "the statement of format none is not the empty map")
	}
	return &statement{kind: AttestationNone}, nil
}
