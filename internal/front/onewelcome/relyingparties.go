package onewelcome

import (
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

func (f *front) getRelyingParty(w http.ResponseWriter, r *http.Request) error {
	rp, err := f.Directory.RelyingPartyOf(r.Context(), web.Authority(r), r.PathValue("rpId"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromRelyingParty(rp))
	return nil
}

// putRelyingParty makes a relying party, or changes what this door knows of one: what
// else was set elsewhere stays.
func (f *front) putRelyingParty(w http.ResponseWriter, r *http.Request) error {
	id, by := r.PathValue("rpId"), web.Authority(r)
	if err := by.Require(tenant.ScopeAdmin, id); err != nil {
		return err
	}
	var req relyingPartyDocument
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	if req.RPID != "" && req.RPID != id {
		return errValue.At("rpId").Saying("an rpId never changes: credentials are bound to it")
	}
	if req.AllowSubdomains {
		return errValue.At("allowSubdomains").Saying("origins are listed one by one")
	}
	rp, err := f.Directory.RelyingPartyOf(r.Context(), by, id)
	if errors.Is(err, tenant.ErrRelyingPartyUnknown) {
		// As a relying party of such a service begins.
		rp, err = &tenant.RelyingParty{
			ID: id, ResidentKey: tenant.Preferred, UserVerification: tenant.Preferred, Attestation: tenant.AttestationNone,
		}, nil
	}
	if err != nil {
		return err
	}
	stored, err := f.Directory.PutRelyingParty(r.Context(), by, req.applied(*rp))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromRelyingParty(stored))
	return nil
}

// applied returns rp with the settings of req.
func (req *relyingPartyDocument) applied(rp tenant.RelyingParty) tenant.RelyingParty {
	rp.Name, rp.Origins, rp.Policies = req.RPName, req.Origins, req.DefaultPolicies
	rp.TopOrigins, rp.AllowCrossOrigin = req.TopOrigins, len(req.TopOrigins) > 0
	rp.ChallengeLife = tenant.DefaultChallengeLife
	if req.CeremonyTTLSeconds != nil {
		// Zero is a number here, and none that is allowed; nor is what fits no duration.
		rp.ChallengeLife = time.Duration(min(max(*req.CeremonyTTLSeconds, -1), 1<<20)) * time.Second
		if rp.ChallengeLife == 0 {
			rp.ChallengeLife = -1
		}
	}
	rp.Timeout = min(rp.Timeout, rp.ChallengeLife)
	rp.Trust.Metadata = tenant.MetadataEnforce
	if req.Metadata != nil && req.Metadata.MDS != nil && !*req.Metadata.MDS {
		rp.Trust.Metadata = tenant.MetadataOff
	}
	return rp
}

func fromRelyingParty(rp *tenant.RelyingParty) relyingPartyDocument {
	return relyingPartyDocument{
		RPID: rp.ID, RPName: rp.Name,
		Origins: append([]string{}, rp.Origins...), TopOrigins: append([]string{}, rp.TopOrigins...),
		CeremonyTTLSeconds: new(int64(rp.ChallengeLife / time.Second)), DefaultPolicies: append([]string{}, rp.Policies...),
		Metadata: &metadataUsage{MDS: new(rp.Trust.Metadata != tenant.MetadataOff)},
	}
}
