package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

var _ tenant.Store = (*DB)(nil)

// Tenants implements [tenant.Store].
func (db *DB) Tenants(ctx context.Context) (all []tenant.Tenant, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, "SELECT name, created_ms FROM tenant ORDER BY name")
		all, err = collect(rows, err, func(rows *sql.Rows) (tenant.Tenant, error) {
			t := tenant.Tenant{Source: tenant.FromDatabase}
			return t, rows.Scan(&t.Name, scanMS(&t.Created))
		})
		return err
	})
	return all, err
}

// CreateTenant implements [tenant.Store].
func (db *DB) CreateTenant(ctx context.Context, t tenant.Tenant, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const insert = "INSERT INTO tenant (name, created_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
		n, err := q.Exec(ctx, insert, t.Name, ms(t.Created))
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrTenantExists
		}
		return appendAudit(ctx, q, e)
	})
}

// rpSettings is what the column settings of a relying party holds. Its names never
// change; a new member is absent from rows written before it.
type rpSettings struct {
	Name                    string                  `json:"name"`
	Origins                 []string                `json:"origins"`
	AllowCrossOrigin        bool                    `json:"allowCrossOrigin,omitempty"`
	TopOrigins              []string                `json:"topOrigins,omitempty"`
	ResidentKey             tenant.Requirement      `json:"residentKey"`
	UserVerification        tenant.Requirement      `json:"userVerification"`
	AuthenticatorAttachment string                  `json:"authenticatorAttachment,omitempty"`
	Attestation             tenant.Attestation      `json:"attestation"`
	AttestationTrust        tenant.AttestationTrust `json:"attestationTrust"`
	AllowedAAGUIDs          []string                `json:"allowedAaguids,omitempty"`
	TrustAnchors            string                  `json:"trustAnchors,omitempty"`
	Trust                   tenant.Trust            `json:"trust,omitzero"`
	Policies                []string                `json:"policies,omitempty"`
	Algorithms              []int32                 `json:"algorithms"`
	MaxCredentialsPerUser   int                     `json:"maxCredentialsPerUser"`
	ChallengeLifeMS         int64                   `json:"challengeLifeMs"`
	TimeoutMS               int64                   `json:"timeoutMs"`

	ceremonySettings
}

func settingsOf(rp *tenant.RelyingParty) rpSettings {
	return rpSettings{
		Name: rp.Name, Origins: rp.Origins, AllowCrossOrigin: rp.AllowCrossOrigin, TopOrigins: rp.TopOrigins,
		ResidentKey: rp.ResidentKey, UserVerification: rp.UserVerification,
		AuthenticatorAttachment: rp.AuthenticatorAttachment,
		Attestation:             rp.Attestation, AttestationTrust: rp.AttestationTrust,
		AllowedAAGUIDs: rp.AllowedAAGUIDs, TrustAnchors: rp.TrustAnchors, Algorithms: rp.Algorithms,
		Trust: rp.Trust, Policies: rp.Policies,
		MaxCredentialsPerUser: rp.MaxCredentialsPerUser,
		ChallengeLifeMS:       rp.ChallengeLife.Milliseconds(), TimeoutMS: rp.Timeout.Milliseconds(),
		ceremonySettings: ceremonySettings(rp.CeremonySettings),
	}
}

func (s rpSettings) fill(rp *tenant.RelyingParty) {
	rp.Name, rp.Origins, rp.AllowCrossOrigin, rp.TopOrigins = s.Name, s.Origins, s.AllowCrossOrigin, s.TopOrigins
	rp.ResidentKey, rp.UserVerification = s.ResidentKey, s.UserVerification
	rp.AuthenticatorAttachment = s.AuthenticatorAttachment
	rp.Attestation, rp.AttestationTrust = s.Attestation, s.AttestationTrust
	rp.AllowedAAGUIDs, rp.TrustAnchors, rp.Algorithms = s.AllowedAAGUIDs, s.TrustAnchors, s.Algorithms
	rp.Trust, rp.Policies = s.Trust, s.Policies
	rp.MaxCredentialsPerUser = s.MaxCredentialsPerUser
	rp.ChallengeLife = time.Duration(s.ChallengeLifeMS) * time.Millisecond
	rp.Timeout = time.Duration(s.TimeoutMS) * time.Millisecond
	rp.CeremonySettings = tenant.CeremonySettings(s.ceremonySettings)
}

// ceremonySettings is [tenant.CeremonySettings] under the names of the column.
type ceremonySettings struct {
	RelatedOrigins              []string                    `json:"relatedOrigins,omitempty"`
	Hints                       []string                    `json:"hints,omitempty"`
	AttestationFormats          []string                    `json:"attestationFormats,omitempty"`
	AllowConditionalCreate      bool                        `json:"allowConditionalCreate,omitempty"`
	CredentialProtection        tenant.CredentialProtection `json:"credentialProtection,omitempty"`
	EnforceCredentialProtection bool                        `json:"enforceCredentialProtection,omitempty"`
	RegistrationExtensions      []string                    `json:"registrationExtensions,omitzero"` // empty is not absent
	AppID                       string                      `json:"appId,omitempty"`
}

const rpColumns = "tenant, id, settings, created_ms, changed_ms"

// scanRP reads a relying party and lets the domain check it: a row that was changed
// by hand is refused rather than followed.
func scanRP(rows *sql.Rows) (*tenant.RelyingParty, error) {
	rp := tenant.RelyingParty{Source: tenant.FromDatabase}
	var s rpSettings
	if err := rows.Scan(&rp.Tenant, &rp.ID, scanJSON(&s), scanMS(&rp.Created), scanMS(&rp.Changed)); err != nil {
		return nil, err
	}
	s.fill(&rp)
	checked, err := tenant.NewRelyingParty(rp)
	if err != nil {
		return nil, spoilt(err, "relying party %s of tenant %s", rp.ID, rp.Tenant)
	}
	return checked, nil
}

// RelyingParty implements [tenant.Store]. It is not from memory: [tenant.Directory] has one of its
// own, and asks here for what is to be changed, too.
func (db *DB) RelyingParty(ctx context.Context, tenantName, id string) (rp *tenant.RelyingParty, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, "SELECT "+rpColumns+" FROM relying_party WHERE tenant = $1 AND id = $2", tenantName, id)
		found, err := collect(rows, err, scanRP)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return tenant.ErrRelyingPartyUnknown
		}
		rp = found[0]
		return nil
	})
	return rp, err
}

// RelyingParties implements [tenant.Store]. Those of all tenants are not remembered: who asks for
// them remembers what it makes of them.
func (db *DB) RelyingParties(ctx context.Context, tenantName string) ([]*tenant.RelyingParty, error) {
	if tenantName == "" {
		return db.relyingParties(ctx, "")
	}
	known, err := recall(ctx, db, setting{theRelyingParties, tenantName, ""}, func(ctx context.Context) ([]*tenant.RelyingParty, error) {
		return db.relyingParties(ctx, tenantName)
	})
	var all []*tenant.RelyingParty
	for _, rp := range known {
		own := *rp
		all = append(all, &own)
	}
	return all, err
}

func (db *DB) relyingParties(ctx context.Context, tenantName string) (all []*tenant.RelyingParty, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		// Two texts: one for both would be planned anew each time.
		text, args := "SELECT "+rpColumns+" FROM relying_party ORDER BY tenant, id", []any(nil)
		if tenantName != "" {
			text, args = "SELECT "+rpColumns+" FROM relying_party WHERE tenant = $1 ORDER BY id", []any{tenantName}
		}
		rows, err := q.Query(ctx, text, args...)
		all, err = collect(rows, err, scanRP)
		return err
	})
	return all, err
}

// PutRelyingParty implements [tenant.Store].
func (db *DB) PutRelyingParty(ctx context.Context, rp *tenant.RelyingParty, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const put = `INSERT INTO relying_party (` + rpColumns + `) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant, id) DO UPDATE SET settings = excluded.settings, changed_ms = excluded.changed_ms`
		if _, err := q.Exec(ctx, put, rp.Tenant, rp.ID, asJSON(settingsOf(rp)), ms(rp.Created), ms(rp.Changed)); err != nil {
			return err
		}
		db.changesSettings(ctx)
		return appendAudit(ctx, q, e)
	})
}

// DeleteRelyingParty implements [tenant.Store].
func (db *DB) DeleteRelyingParty(ctx context.Context, tenantName, id string, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const used = "SELECT EXISTS (SELECT 1 FROM credential WHERE tenant = $1 AND relying_party = $2)"
		var inUse bool
		if err := q.QueryRow(ctx, used, tenantName, id).Scan(&inUse); err != nil {
			return err
		}
		if inUse {
			return tenant.ErrRelyingPartyInUse
		}
		n, err := q.Exec(ctx, "DELETE FROM relying_party WHERE tenant = $1 AND id = $2", tenantName, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrRelyingPartyUnknown
		}
		db.changesSettings(ctx)
		return appendAudit(ctx, q, e)
	})
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// CreateAccessToken implements [tenant.Store].
func (db *DB) CreateAccessToken(ctx context.Context, t *tenant.AccessToken, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const insert = `INSERT INTO access_token (hash, tenant, client, relying_party, scopes, created_ms, expires_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`
		_, err := q.Exec(ctx, insert, t.Hash[:], t.Tenant, t.Client, t.RelyingParty, asJSON(t.Scopes), ms(t.Created), ms(t.Expires))
		if err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// AccessToken implements [tenant.Store].
func (db *DB) AccessToken(ctx context.Context, hash [sha256.Size]byte) (*tenant.AccessToken, error) {
	t := &tenant.AccessToken{Hash: hash}
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		const one = "SELECT tenant, client, relying_party, scopes, created_ms, expires_ms FROM access_token WHERE hash = $1"
		return q.QueryRow(ctx, one, hash[:]).Scan(&t.Tenant, &t.Client, &t.RelyingParty, scanJSON(&t.Scopes), scanMS(&t.Created), scanMS(&t.Expires))
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, tenant.ErrAccessToken
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// PurgeAccessTokens implements [tenant.Store].
func (db *DB) PurgeAccessTokens(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = db.write(ctx, func(ctx context.Context, q tx) error {
		const purge = `DELETE FROM access_token WHERE hash IN
			(SELECT hash FROM access_token WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2)`
		rows, err := q.Exec(ctx, purge, ms(now), limit)
		n = int(rows)
		return err
	})
	return n, err
}
