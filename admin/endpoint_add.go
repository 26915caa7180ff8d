package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// NewEndpoint is what an endpoint is made of.
type NewEndpoint struct {
	URL, Dialect string
	// Identity is whose events in the dialect it is notified of; "" is the only
	// one, or all where there are several.
	Identity string
	// Events are types of the dialect; none is what the dialect promises.
	Events []string
}

// AddedEndpoint is an endpoint that is in use now.
type AddedEndpoint struct {
	merchant.Endpoint
	// Secret signs what is sent there, where the dialect has such; "" for an
	// endpoint that was there already.
	Secret string
	// Fresh says that it was not there before.
	Fresh bool
}

// AddEndpoint adds an address that is notified of events. The same merchant,
// address and dialect is one endpoint: an equal one that is in use is returned as
// it is. Errors: KindInvalid; KindForbidden for an identity that is not the
// merchant's; KindStateConflict, which names the endpoint, where the one in use
// differs.
func (a *Admin) AddEndpoint(ctx context.Context, by By, merchantID string, in NewEndpoint) (AddedEndpoint, error) {
	now := a.now()
	e := merchant.Endpoint{ID: "ep_" + refund.NewID(now), MerchantID: merchantID, Dialect: in.Dialect, URL: in.URL, CreatedAt: now}
	record, err := a.record(by, merchantID, "endpoint.add", e.ID)
	if err != nil {
		return AddedEndpoint{}, err
	}
	known, ok := a.s.Dialects.Find(in.Dialect)
	if !ok {
		return AddedEndpoint{}, refund.Errorf(refund.KindInvalid, "dialect", "dialect must be one of %s", strings.Join(a.s.Dialects.Names(), ", "))
	}
	if e.Events, err = endpointEvents(known, in.Events); err != nil {
		return AddedEndpoint{}, err
	}
	if e.Identity, err = a.identityOf(ctx, merchantID, known, in.Identity); err != nil {
		return AddedEndpoint{}, err
	}
	if err := a.checkAddress(in.URL); err != nil {
		return AddedEndpoint{}, err
	}
	out := AddedEndpoint{}
	var secrets []merchant.EndpointSecret
	if known.EndpointSecret { // the others sign as their contracts say
		secrets = []merchant.EndpointSecret{merchant.NewEndpointSecret(now)}
		out.Secret = secrets[0].Text
	}
	record.Write.Shows(e.ID, out.Secret)
	record = record.With("url", e.URL).With("dialect", e.Dialect).With("events", strings.Join(e.Events, " "))
	if out.Endpoint, err = a.s.Store.AddEndpoint(ctx, e, record, secrets...); err != nil {
		return AddedEndpoint{}, err
	}
	if out.Fresh = out.ID == e.ID; !out.Fresh {
		out.Secret = ""
		return out, nil
	}
	a.done(merchantID)
	return out, nil
}

// endpointEvents checks the types that an endpoint names, and sorts them.
func endpointEvents(known merchant.Dialect, events []string) ([]string, error) {
	sorted := slices.Sorted(slices.Values(events))
	for n, event := range sorted {
		switch {
		case !slices.Contains(known.Events, event):
			return nil, refund.Errorf(refund.KindInvalid, "events", "%q is no event that dialect %s tells; it has %s", event, known.Name, strings.Join(known.Events, ", "))
		case n > 0 && sorted[n-1] == event:
			return nil, refund.Errorf(refund.KindInvalid, "events", "%q is named twice", event)
		}
	}
	return sorted, nil
}

// identityOf finds the identity in a dialect that is meant: the one that is
// named, else the only one. "" stands for all, and is that of a dialect without
// identities.
func (a *Admin) identityOf(ctx context.Context, merchantID string, known merchant.Dialect, named string) (string, error) {
	identities, err := a.s.Store.Identities(ctx, merchantID)
	if err != nil {
		return "", err
	}
	var names []string
	for _, identity := range identities {
		if identity.Dialect == known.Name {
			names = append(names, identity.Name)
		}
	}
	switch {
	case named != "" && !slices.Contains(names, named):
		return "", refund.Errorf(refund.KindForbidden, "identity", "identity is none of the merchant's identities in dialect %s", known.Name)
	case named != "":
		return named, nil
	case len(names) == 0 && known.Make != nil:
		return "", refund.Errorf(refund.KindInvalid, "dialect", "the merchant has no identity in dialect %s", known.Name)
	case len(names) == 1:
		return names[0], nil
	}
	return "", nil
}

// checkAddress refuses an address that may not be called.
func (a *Admin) checkAddress(url string) error {
	if url == "" {
		return refund.Errorf(refund.KindInvalid, "url", "url must not be empty")
	}
	err := a.s.EgressCheck(url)
	if err == nil || refund.As(err) != nil {
		return err
	}
	e := refund.Errorf(refund.KindInvalid, "url", "url is no public address that webhooks may go to")
	e.Cause = err
	return e
}
