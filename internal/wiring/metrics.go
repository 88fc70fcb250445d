package wiring

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bestow.dev/internal/process"
)

// metrics are what a monitor sees. They have a registry of their own, so that two
// servers in one process (tests) do not meet.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(ping func(context.Context) error) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bestow_http_request_seconds",
			Help:    "Time to answer a request, by route pattern, method and status. Long polls are in it.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "status"}),
	}
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bestow_http_requests_in_flight",
		Help: "Requests that are being answered now. Agents that wait in a long poll are in it.",
	})
	m.registry.MustRegister(
		m.inFlight,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bestow_database_up",
			Help: "1 if the database answered just now, else 0.",
		}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
			defer cancel()
			if ping(ctx) != nil {
				return 0
			}
			return 1
		}),
	)
	return m
}

// watchProcesses adds what this node does for identity processes.
func (m *metrics) watchProcesses(p *process.Service) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "bestow_process_jobs_total",
		Help: "Jobs of identity processes that this node has done: work, looks at what is waited for, timers, calls.",
	}, func() float64 { return float64(p.JobsDone()) }))
}

// observe implements the Observe of [web.Options]. The method comes from the caller
// and is counted only if it is one we serve, so that nobody can fill the registry.
func (m *metrics) observe(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// count counts a request while next answers it.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		next.ServeHTTP(w, r)
	})
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
