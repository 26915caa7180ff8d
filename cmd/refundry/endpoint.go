package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

// endpointCommand is refundry endpoint.
type endpointCommand struct {
	Add     endpointAdd     `cmd:"" help:"Notify an address of events."`
	List    endpointList    `cmd:"" help:"List a merchant's endpoints."`
	Get     endpointGet     `cmd:"" help:"Show an endpoint with what its receiver checks signatures with."`
	Rotate  endpointRotate  `cmd:"" help:"Give an endpoint a new secret; those before sign beside it for a while."`
	Test    endpointTest    `cmd:"" help:"Send one signed test event to an endpoint; exits 1 if it was not taken."`
	Disable endpointDisable `cmd:"" help:"Notify an address no more; what was on its way there is dropped."`
}

// show prints an endpoint with what its receiver checks signatures with.
func (f accountFlags) showEndpoint(e *environment, d *desk, p merchant.Endpoint, secret string) error {
	viewer := native.EndpointViewer{Directory: d.store, Dialects: service.Dialects(), Endpoints: d.store, Now: time.Now}
	view, err := viewer.View(e, p, secret)
	if err != nil {
		return err
	}
	if f.JSON {
		return e.printJSON(view)
	}
	rows := [][]string{
		{"id", p.ID},
		{"url", p.URL},
		{"dialect", p.Dialect},
		{"identity", p.Identity},
		{"events", strings.Join(p.Events, " ")},
		{"created", when(p.CreatedAt)},
		{"disabled", when(p.DisabledAt)},
	}
	for _, line := range view.Lines() {
		rows = append(rows, line[:])
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

type endpointAdd struct {
	accountFlags
	egressFlags
	URL      string   `arg:"" help:"The http or https address."`
	Dialect  string   `help:"In whose form it is notified: ${dialects}." default:"pingpp" placeholder:"DIALECT"`
	Identity string   `help:"Whose events in the dialect; default the merchant's only identity there, or all." placeholder:"NAME"`
	Events   []string `help:"Types such as refund.succeeded, refund.failed, refund.abnormal; default what the dialect promises." placeholder:"TYPE,..."`
}

func (c *endpointAdd) Run(e *environment) error {
	d, err := c.desk(e, c.EgressAllow...)
	if err != nil {
		return err
	}
	defer d.store.Close()
	added, err := d.AddEndpoint(e, d.by, d.merchant.ID, admin.NewEndpoint{URL: c.URL, Dialect: c.Dialect, Identity: c.Identity, Events: c.Events})
	if err != nil {
		return asUsage(withCause(err))
	}
	if c.JSON {
		return c.showEndpoint(e, d, added.Endpoint, added.Secret)
	}
	if added.Fresh {
		e.say("%s is notified of events from now on", c.URL)
	} else {
		e.say("%s is notified already; nothing was changed", c.URL)
	}
	if problem := egress.Lookup(e, c.URL, c.EgressAllow); problem != nil {
		e.say("warning: deliveries would fail now: %v", problem)
	}
	if added.Secret != "" {
		e.say("its secret, which is shown this once: %s", added.Secret)
	}
	viewer := native.EndpointViewer{Directory: d.store, Dialects: service.Dialects(), Endpoints: d.store, Now: time.Now}
	view, err := viewer.View(e, added.Endpoint, "")
	if err != nil {
		return err
	}
	for _, line := range view.Lines() {
		e.say("%s: %s", line[0], line[1])
	}
	_, err = fmt.Fprintln(e.out, added.ID)
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
	return printList(e, c.JSON, all, native.EndpointJSON, header, func(p merchant.Endpoint) []string {
		return []string{p.ID, p.Dialect, p.URL, strings.Join(p.Events, " "), when(p.CreatedAt), when(p.DisabledAt)}
	})
}

type endpointGet struct {
	accountFlags
	ID string `arg:"" help:"The endpoint's id."`
}

func (c *endpointGet) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p, err := d.Endpoint(e, d.merchant.ID, c.ID)
	if err != nil {
		return err
	}
	return c.showEndpoint(e, d, p, "")
}

type endpointRotate struct {
	accountFlags
	ID      string        `arg:"" help:"The endpoint's id."`
	Overlap time.Duration `help:"How long the secrets before sign, too." default:"24h" placeholder:"TIME"`
}

func (c *endpointRotate) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p, secret, err := d.RotateEndpoint(e, d.by, d.merchant.ID, c.ID, c.Overlap)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return c.showEndpoint(e, d, p, secret)
	}
	e.say("the new secret, which is shown this once:")
	_, err = fmt.Fprintln(e.out, secret)
	return err
}

type endpointDisable struct {
	accountFlags
	ID string `arg:"" help:"The endpoint's id."`
}

func (c *endpointDisable) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p, err := d.DisableEndpoint(e, d.by, d.merchant.ID, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.showEndpoint(e, d, p, "")
	}
	e.say("endpoint %s is notified of nothing any more", c.ID)
	return nil
}

type endpointTest struct {
	accountFlags
	egressFlags
	ID string `arg:"" help:"The endpoint's id."`
}

func (c *endpointTest) Run(e *environment) error {
	d, err := c.desk(e, c.EgressAllow...)
	if err != nil {
		return err
	}
	defer d.store.Close()
	try, err := d.TestEndpoint(e, d.by, d.merchant.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	switch {
	case c.JSON:
		err = e.printJSON(native.TryJSON(c.ID, try))
	case try.Delivered:
		e.say("test event %s was taken: %d in %v", try.EventID, try.Status, try.Duration.Round(time.Millisecond))
	default:
		e.say("test event %s was not taken: %s (status %d)", try.EventID, try.Error, try.Status)
	}
	if err == nil && !try.Delivered {
		err = errTold
	}
	return err
}
