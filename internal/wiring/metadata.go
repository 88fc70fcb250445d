package wiring

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bestow.dev/internal/config"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/outbound"
	"bestow.dev/webauthn"
)

// openMetadata makes the service that keeps metadata. It asks neither database nor
// network; who wants to know what is stored calls its Load.
func (a *App) openMetadata() error {
	fetcher, err := outbound.NewFetcher(outbound.Config{CAFile: a.config.TLS.CAFile})
	if err != nil {
		return fmt.Errorf("tls.ca-file: %w", err)
	}
	sources, err := a.metadataSources()
	if err != nil {
		return err
	}
	a.Metadata, err = mds.New(mds.Config{
		Store: a.DB.Metadata(), Fetcher: fetcher, Sources: sources, Tenants: a.tenantNames, Log: a.log,
	})
	return err
}

func (a *App) tenantNames(ctx context.Context) ([]string, error) {
	tenants, err := a.Directory.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(tenants))
	for i, t := range tenants {
		names[i] = t.Name
	}
	return names, nil
}

// metadataSources translates the sources of the configuration, and reads their files.
func (a *App) metadataSources() ([]mds.Source, error) {
	var sources []mds.Source
	for i, m := range a.config.Metadata {
		source, err := a.metadataSource(m)
		if err != nil {
			return nil, fmt.Errorf("metadata[%d].%w", i, err)
		}
		if source.Own != nil {
			for _, f := range source.Own.Findings {
				a.log.Warn("something in a statement of your own is passed over", "source", m.Name, "finding", f.String())
			}
		}
		sources = append(sources, source)
	}
	return sources, nil
}

func (a *App) metadataSource(m config.Metadata) (mds.Source, error) {
	source := mds.Source{
		Name: m.Name, URL: m.URL, File: m.File, CRLFiles: m.CRLFiles,
		AllowUnknownRevocation: m.AllowUnknownRevocation, RefuseOutdated: m.RefuseOutdated, Grace: m.Grace,
	}
	var err error
	if m.Statements != "" {
		if source.Own, err = mds.ReadStatements(m.Statements); err != nil {
			return mds.Source{}, fmt.Errorf("statements: %w", err)
		}
		return source, nil
	}
	if m.RootsFile == "" {
		set, _ := a.Trust.RootSet(metadataRoots)
		if source.Roots = set.Certificates; len(source.Roots) == 0 {
			return mds.Source{}, fmt.Errorf("roots-file: is missing, and the root set %s is empty", metadataRoots)
		}
		return source, nil
	}
	if source.Roots, err = mds.ReadCertificates(m.RootsFile); err != nil {
		return mds.Source{}, fmt.Errorf("roots-file: %w", err)
	}
	return source, nil
}

// metadataRoots is the root set that signs the FIDO Metadata Service's list, for sources
// without roots of their own.
const metadataRoots = "fido-mds"

// models answers package credential from the metadata in force.
type models struct{ service *mds.Service }

// ForAttestation implements [credential.Models].
func (m models) ForAttestation(a *webauthn.Attestation) []credential.Model {
	found := m.service.Current().ForAttestation(a)
	if found == nil {
		return nil
	}
	list := []credential.Model{{Entry: found.Entry, Source: found.Source, Number: found.Number}}
	for _, h := range found.Hidden {
		list = append(list, credential.Model{Entry: h.Entry, Source: h.Source, Number: h.Number})
	}
	return list
}

// metadataHealth is what readiness tells of a source.
type metadataHealth struct {
	Source     string `json:"source"`
	Number     uint64 `json:"number"`               // of the list in force; 0: none
	AgeSeconds *int64 `json:"ageSeconds,omitempty"` // since it was verified
	NextUpdate string `json:"nextUpdate,omitempty"` // the day of its successor
	Outdated   bool   `json:"outdated"`
}

// metadataHealth tells how metadata stands, and whether that is good enough for a
// server that is given work. Statements of the operator's own have no age.
func (s *Server) metadataHealth(now time.Time) (all []metadataHealth, good bool) {
	good = true
	for _, st := range s.Metadata.State(now) {
		if st.Kind == "statements" {
			continue
		}
		h := metadataHealth{Source: st.Source, Number: st.Number, Outdated: st.Outdated}
		if !st.Accepted.IsZero() {
			age := int64(st.Age / time.Second)
			h.AgeSeconds = &age
		}
		if !st.NextUpdate.IsZero() {
			h.NextUpdate = st.NextUpdate.Format(time.DateOnly)
		}
		all = append(all, h)
		good = good && !st.Refused
	}
	return all, good
}

// metadataMetrics reads the state of metadata at each scrape. It asks no database.
type metadataMetrics struct {
	service                         *mds.Service
	age, number, failures, outdated *prometheus.Desc
}

// watchMetadata adds the metrics of metadata.
func (m *metrics) watchMetadata(service *mds.Service) {
	of := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"source"}, nil)
	}
	m.registry.MustRegister(&metadataMetrics{
		service:  service,
		age:      of("bestow_metadata_age_seconds", "Time since the list in force was fetched and verified. Absent where there is none."),
		number:   of("bestow_metadata_number", "Serial number of the list in force; 0 if there is none."),
		failures: of("bestow_metadata_failures", "How often the check of the source has failed since it last succeeded."),
		outdated: of("bestow_metadata_outdated", "1 if the successor of the list in force is overdue, else 0."),
	})
}

// Describe implements [prometheus.Collector].
func (m *metadataMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.age, m.number, m.failures, m.outdated} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metadataMetrics) Collect(to chan<- prometheus.Metric) {
	for _, st := range m.service.State(time.Now()) {
		if st.Kind == "statements" {
			continue
		}
		gauge := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, st.Source)
		}
		outdated := 0.0
		if st.Outdated {
			outdated = 1
		}
		if !st.Accepted.IsZero() {
			gauge(m.age, st.Age.Seconds())
		}
		gauge(m.number, float64(st.Number))
		gauge(m.failures, float64(st.Tries))
		gauge(m.outdated, outdated)
	}
}
