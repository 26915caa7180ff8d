package service

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// auditSteps takes steps of the live auditor, each a minute later.
func auditSteps(t *testing.T, s *Service, now *time.Time, steps int) (charges int) {
	t.Helper()
	for range steps {
		read, err := s.StepAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		charges += read
		*now = now.Add(auditPause)
	}
	return charges
}

func TestTheLiveAuditorFindsWhatDoesNotHoldAndGoesOn(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"SQLite": storetest.SQLite, "PostgreSQL": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)
			options := Options{Database: database(t), Data: t.TempDir(), Demo: true, Now: func() time.Time { return now }, Simulated: Simulated{Stepped: true}}
			s, err := Start(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Abandon()
			if read := auditSteps(t, s, &now, 2); read != 8 {
				t.Fatalf("two rounds over four charges read %d", read)
			}
			findings := func() string {
				t.Helper()
				if err := s.StepFigures(t.Context()); err != nil {
					t.Fatal(err)
				}
				_, body := call(t, s, "GET", "/metrics", "")
				_, value, _ := strings.Cut(string(body), "\nrefundry_audit_findings ")
				value, _, _ = strings.Cut(value, "\n")
				return value
			}
			if got := findings(); got != "0" {
				t.Errorf("of nothing there are %s findings", got)
			}
			change := func(text string) {
				t.Helper()
				err := s.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
					touched, err := q.Exec(t.Context(), text)
					if touched != 1 {
						t.Errorf("%s changed %d rows", text, touched)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			change(`UPDATE charges SET refunds = refunds + 1 WHERE id = 'ch_L8qn10mLmr1GS8e5OODmHaL4'`)
			auditSteps(t, s, &now, 2)
			if got := findings(); got != "1" {
				t.Errorf("of one broken charge there are %s findings", got)
			}
			alerts, _, err := s.Store.Alerts(t.Context(), "mer_demo", false, refund.Page{Limit: 10})
			if err != nil || len(alerts) != 1 || alerts[0].Times != 2 || !strings.Contains(alerts[0].Text, "charge ch_L8qn10mLmr1GS8e5OODmHaL4") {
				t.Errorf("the alerts are %+v, %v", alerts, err)
			}
			change(`UPDATE charges SET refunds = refunds - 1 WHERE id = 'ch_L8qn10mLmr1GS8e5OODmHaL4'`)
			auditSteps(t, s, &now, 1)
			if got := findings(); got != "0" {
				t.Errorf("after it was mended there are %s findings", got)
			}
			change(`UPDATE api_keys SET limits = 'no JSON' WHERE id = (SELECT MIN(k.id) FROM api_keys k WHERE k.merchant_id = 'mer_demo')`)
			auditSteps(t, s, &now, 1)
			if got := findings(); got != "1" {
				t.Errorf("of one key that can't be read there are %s findings", got)
			}
			alerts, _, err = s.Store.Alerts(t.Context(), "mer_demo", false, refund.Page{Limit: 10})
			if err != nil || !slices.ContainsFunc(alerts, func(a refund.StoredAlert) bool { return strings.Contains(a.Text, "limits can't be read") }) {
				t.Errorf("the alerts are %+v, %v", alerts, err)
			}
		})
	}
}

func TestOneReplicaAtATimeIsTheLiveAuditor(t *testing.T) {
	now := time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)
	options := Options{Database: storetest.Postgres(t), Data: t.TempDir(), Demo: true, Now: func() time.Time { return now }, Simulated: Simulated{Stepped: true}}
	var replicas []*Service
	for range 2 {
		s, err := Start(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abandon()
		replicas = append(replicas, s)
	}
	if read := auditSteps(t, replicas[0], &now, 1); read != 4 {
		t.Errorf("the first one read %d", read)
	}
	if read := auditSteps(t, replicas[1], &now, 1); read != 0 {
		t.Errorf("the second one read %d while the first is the auditor", read)
	}
	// The first one hangs; when it wakes it has lost the lease, and takes nothing.
	now = now.Add(auditLease)
	if read := auditSteps(t, replicas[1], &now, 2); read != 8 {
		t.Errorf("the second one took over and read %d", read)
	}
	auditSteps(t, replicas[0], &now, 1)
	at, err := replicas[0].Store.ReadLiveAudit(t.Context())
	if err != nil || at.Epoch != 2 || replicas[0].auditor.taken {
		t.Errorf("the first one is still the auditor: %+v, %v", at, err)
	}
	// One that ends lets the next begin at once.
	replicas[1].endAudit(t.Context())
	if read := auditSteps(t, replicas[0], &now, 1); read != 4 {
		t.Errorf("after the second one has ended, the first one read %d", read)
	}
}
