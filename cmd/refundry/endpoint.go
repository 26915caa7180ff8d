package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// endpointCommand is refundry endpoint.
type endpointCommand struct {
	Add     endpointAdd     `cmd:"" help:"Have an address told of events."`
	List    endpointList    `cmd:"" help:"List a merchant's endpoints."`
	Disable endpointDisable `cmd:"" help:"Stop telling an address; what was on its way there is dropped."`
}

// endpointRow is an endpoint in JSON.
type endpointRow struct {
	ID         string     `json:"id"`
	Dialect    string     `json:"dialect"`
	Identity   string     `json:"identity"`
	URL        string     `json:"url"`
	Events     []string   `json:"events"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at"`
	// Secret signs what an endpoint of the native dialect is told; only where
	// it was just added.
	Secret string `json:"secret,omitempty"`
}

func endpointRowOf(p merchant.Endpoint) endpointRow {
	row := endpointRow{ID: p.ID, Dialect: p.Dialect, Identity: p.Identity, URL: p.URL, Events: p.Events, CreatedAt: p.CreatedAt}
	if row.Events == nil {
		row.Events = []string{}
	}
	if !p.DisabledAt.IsZero() {
		row.DisabledAt = &p.DisabledAt
	}
	return row
}

type endpointAdd struct {
	databaseFlags
	dataFlags
	merchantFlags
	jsonFlag
	egressFlags
	URL     string   `arg:"" help:"The http or https address."`
	Dialect string   `help:"In whose form it is told." default:"pingpp" enum:"pingpp,native"`
	Events  []string `help:"Types it is told of: refund.succeeded, refund.failed, refund.abnormal, in pingpp batch_refund.succeeded; default what its dialect promises." placeholder:"TYPE,..."`
}

func (c *endpointAdd) Run(e *environment) error {
	known, _ := service.Dialects().Find(c.Dialect) // the flag takes no other
	for _, kind := range c.Events {
		if !slices.Contains(known.Events, kind) {
			return usageError{fmt.Sprintf("dialect %s has no event type %q; it has %s", c.Dialect, kind, strings.Join(known.Events, ", "))}
		}
	}
	if err := egress.Check(e, c.URL, c.EgressAllow); err != nil {
		return fmt.Errorf("%w (hint: --egress-allow opens private networks, here and for serve)", err)
	}
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	m, err := c.find(e, s)
	if err != nil {
		return err
	}
	identities, err := s.Identities(e, m.ID)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	p := merchant.Endpoint{ID: "ep_" + refund.NewID(now), MerchantID: m.ID, Dialect: c.Dialect, URL: c.URL, Events: c.Events, CreatedAt: now}
	at := slices.IndexFunc(identities, func(i merchant.Identity) bool { return i.Dialect == c.Dialect })
	switch {
	case at >= 0:
		p.Identity = identities[at].Name
	case known.Make != nil:
		return usageError{fmt.Sprintf("merchant %s is not known in the %s dialect", m.Name, c.Dialect)}
	}
	var secrets []merchant.EndpointSecret
	row := endpointRowOf(p)
	if known.EndpointSecret {
		secrets = []merchant.EndpointSecret{merchant.NewEndpointSecret(now)}
		row.Secret = secrets[0].Text
	}
	if err := s.AddEndpoint(e, p, secrets...); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(row)
	}
	e.say("%s is told of events from now on", c.URL)
	if row.Secret != "" {
		e.say("its secret, which is shown this once: %s", row.Secret)
	}
	_, err = fmt.Fprintln(e.out, p.ID)
	return err
}

type endpointList struct {
	databaseFlags
	merchantFlags
	jsonFlag
}

func (c *endpointList) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Endpoints(e, m.ID)
	if err != nil {
		return err
	}
	header := []string{"ID", "DIALECT", "URL", "EVENTS", "CREATED", "DISABLED"}
	return printList(e, c.JSON, all, endpointRowOf, header, func(p merchant.Endpoint) []string {
		return []string{p.ID, p.Dialect, p.URL, strings.Join(p.Events, " "), when(p.CreatedAt), when(p.DisabledAt)}
	})
}

type endpointDisable struct {
	databaseFlags
	merchantFlags
	ID string `arg:"" help:"The endpoint's id."`
}

func (c *endpointDisable) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.DisableEndpoint(e, m.ID, c.ID, time.Now()); err != nil {
		return err
	}
	e.say("endpoint %s is told of nothing any more", c.ID)
	return nil
}
