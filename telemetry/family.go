package telemetry

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Family is a gauge, or several of one name with labels, whose numbers are all set
// at once, by whoever looks at what they count from time to time. A scrape shows
// what was set last.
type Family struct {
	desc   *prometheus.Desc
	single bool

	mu      sync.Mutex
	samples []Sample
}

// Sample is one number of a family, with a value for each of its labels.
type Sample struct {
	Value  float64
	Labels []string
}

// Family adds a family of gauges. Until its first Set it has no numbers.
func (m *Metrics) Family(name, help string, labels ...string) *Family {
	f := &Family{desc: prometheus.NewDesc(namespace+"_"+name, help, labels, nil), single: len(labels) == 0}
	if f.single {
		f.samples = []Sample{{Value: math.NaN()}}
	}
	m.register(f)
	return f
}

// Set replaces all numbers of the family.
func (f *Family) Set(samples ...Sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.samples = slices.Clone(samples)
}

// Show is Set for a family without labels.
func (f *Family) Show(value float64) { f.Set(Sample{Value: value}) }

// Unknown says that nobody knows now: a family without labels is not a number, and
// one with labels has none.
func (f *Family) Unknown() {
	if f.single {
		f.Show(math.NaN())
		return
	}
	f.Set()
}

// Describe implements prometheus.Collector.
func (f *Family) Describe(to chan<- *prometheus.Desc) { to <- f.desc }

// Collect implements prometheus.Collector.
func (f *Family) Collect(to chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.samples {
		to <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, s.Value, s.Labels...)
	}
}

// register adds a collector of ours and notes the names of its metrics.
func (m *Metrics) register(all ...prometheus.Collector) {
	for _, one := range all {
		m.registry.MustRegister(one)
		descs := make(chan *prometheus.Desc, 16)
		go func() {
			one.Describe(descs)
			close(descs)
		}()
		for desc := range descs {
			if found := descName.FindStringSubmatch(desc.String()); found != nil {
				m.mu.Lock()
				m.names = append(m.names, found[1])
				m.mu.Unlock()
			}
		}
	}
}

// descName finds a metric's name, which a Desc shows in its text alone.
var descName = regexp.MustCompile(`fqName: "([a-zA-Z0-9_:]+)"`)

// Names lists the metrics of the program's own that were added so far, sorted:
// those of a histogram once, without _bucket and its like.
func (m *Metrics) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Clone(m.names)
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names)
}
