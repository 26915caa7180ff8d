package stripe

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

const (
	defaultLimit = 10
	maxLimit     = 100
)

// page takes a page out of a list that is sorted newest first.
func page[T any](f form, all []T, idOf func(T) string, param string) (part []T, more bool, refused *channelsim.Answer) {
	limit, given, refused := f.integer("limit", 1, maxLimit)
	if refused != nil {
		return nil, false, refused
	}
	if !given {
		limit = defaultLimit
	}
	at := func(id string) (int, *channelsim.Answer) {
		n := slices.IndexFunc(all, func(one T) bool { return idOf(one) == id })
		if n < 0 {
			a := missing(http.StatusBadRequest, param, "starting_after", id)
			return 0, &a
		}
		return n, nil
	}
	if after := f["starting_after"]; after != "" {
		n, refused := at(after)
		if refused != nil {
			return nil, false, refused
		}
		all = all[n+1:]
	}
	if before := f["ending_before"]; before != "" {
		n, refused := at(before)
		if refused != nil {
			return nil, false, refused
		}
		from := max(0, n-int(limit))
		return all[from:n], from > 0, nil
	}
	return all[:min(len(all), int(limit))], len(all) > int(limit), nil
}

// created reports whether a time is within created, or created[gt] and the like.
func (f form) created(at time.Time) (within bool, refused *channelsim.Answer) {
	bounds := f.nested("created")
	if exact, ok := f["created"]; ok {
		bounds["eq"] = exact
	}
	for name, text := range bounds {
		n, err := strconv.ParseInt(text, 10, 64)
		compare := map[string]bool{"gt": at.Unix() > n, "gte": at.Unix() >= n, "lt": at.Unix() < n, "lte": at.Unix() <= n, "eq": at.Unix() == n}
		holds, known := compare[name]
		if err != nil || !known {
			a := bad("parameter_invalid_integer", "created["+name+"]", "Invalid timestamp: %s", text)
			return false, &a
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}

// listRefunds lists refunds, newest first: of a payment it is a query, and of all of them
// a bill.
func (s *Side) listRefunds(c *channelsim.Call) channelsim.Answer {
	f, refused := readForm(c.Query)
	if refused == nil {
		refused = f.only([]string{"created"}, "charge", "payment_intent", "created", "limit", "starting_after", "ending_before")
	}
	if refused != nil {
		return *refused
	}
	step, key := channelsim.StepQuery, f["charge"]+f["payment_intent"]
	if key == "" {
		step, key = channelsim.StepBill, "created "+f["created[gte]"]+f["created[gt]"]
	}
	if early := c.Begin(step, key); early != nil {
		return *early
	}
	var all []*channelsim.Refund
	for _, r := range slices.Backward(c.Books.Refunds()) {
		p := c.Books.Payment(r.TransactionID)
		within, refused := f.created(r.CreatedAt)
		switch {
		case refused != nil:
			return *refused
		case !within, f["charge"] != "" && r.TransactionID != f["charge"], f["payment_intent"] != "" && intentOf(p) != f["payment_intent"]:
		case c.Refund(r.Number) != nil: // a request that is overtaken is not there yet
			all = append(all, r)
		}
	}
	part, more, refused := page(f, all, func(r *channelsim.Refund) string { return r.ID }, "refund")
	if refused != nil {
		return *refused
	}
	data := make([]object, len(part))
	for n, r := range part {
		data[n] = s.refund(c.Books, c.View(r))
	}
	return s.listing(c, f, pathRefunds, data, more)
}

// listing answers with a list.
func (s *Side) listing(c *channelsim.Call, f form, url string, data []object, more bool) channelsim.Answer {
	for _, name := range f.nested("expand") {
		inner, ok := strings.CutPrefix(name, "data.")
		if !ok {
			return bad("", "expand", "This property cannot be expanded (%s).", name)
		}
		for _, one := range data {
			if refused := s.expand(c, one, inner); refused != nil {
				return *refused
			}
		}
	}
	return answer(http.StatusOK, object{"object": "list", "url": url, "has_more": more, "data": data})
}

// payments answers what is asked of charges and payment intents.
func (s *Side) payments(c *channelsim.Call) channelsim.Answer {
	path, kind, of, render := pathCharges, "charge", func(p *channelsim.Payment) string { return p.TransactionID }, s.charge
	if strings.HasPrefix(c.Path, pathIntents) {
		path, kind, of, render = pathIntents, "payment_intent", intentOf, s.intent
	}
	f, refused := readForm(c.Query)
	if refused == nil {
		refused = f.only([]string{"created"}, "query", "page", "payment_intent", "created", "limit", "starting_after", "ending_before")
	}
	if refused != nil {
		return *refused
	}
	name := strings.TrimPrefix(strings.TrimPrefix(c.Path, path), "/")
	if early := c.Begin(channelsim.StepCharge, name+f["query"]+f["payment_intent"]); early != nil {
		return *early
	}
	var found []*channelsim.Payment
	for _, p := range slices.Backward(c.Books.Payments()) {
		within, refused := f.created(p.PaidAt)
		switch {
		case refused != nil:
			return *refused
		case name != "" && name != "search" && of(p) != name, !within, f["payment_intent"] != "" && intentOf(p) != f["payment_intent"]:
		default:
			found = append(found, p)
		}
	}
	switch {
	case name == "search":
		return s.search(c, f, path, found, render)
	case name != "" && len(found) == 0:
		return missing(http.StatusNotFound, kind, "id", name)
	case name != "":
		out := render(c.Books, found[0], c.Amount(found[0]))
		for _, name := range f.nested("expand") {
			if refused := s.expand(c, out, name); refused != nil {
				return *refused
			}
		}
		return answer(http.StatusOK, out)
	}
	part, more, refused := page(f, found, of, kind)
	if refused != nil {
		return *refused
	}
	data := make([]object, len(part))
	for n, p := range part {
		data[n] = render(c.Books, p, c.Amount(p))
	}
	return s.listing(c, f, path, data, more)
}

// clause is one condition of a search: a field, or a key of the metadata, and its value.
var clause = regexp.MustCompile(`^(?:metadata\[(?:'([^']+)'|"([^"]+)")\]|(status|currency)) ?: ?(?:'([^']*)'|"([^"]*)")$`)

// search finds payments by conditions with AND between them.
func (s *Side) search(c *channelsim.Call, f form, path string, all []*channelsim.Payment, render func(*channelsim.Books, *channelsim.Payment, money.Minor) object) channelsim.Answer {
	if f["query"] == "" {
		return bad("parameter_missing", "query", "Missing required param: query.")
	}
	for part := range strings.SplitSeq(f["query"], " AND ") {
		parts := clause.FindStringSubmatch(strings.TrimSpace(part))
		if parts == nil {
			return bad("", "query", "We were unable to parse your search query (hint: metadata['key']:'value', status or currency, with AND between them).")
		}
		key, field, value := parts[1]+parts[2], parts[3], parts[4]+parts[5]
		all = slices.DeleteFunc(slices.Clone(all), func(p *channelsim.Payment) bool {
			switch field {
			case "status":
				return value != "succeeded"
			case "currency":
				return !strings.EqualFold(value, string(p.Currency))
			}
			return key != "order_id" || p.Number != value
		})
	}
	part, more, refused := page(f, all, func(p *channelsim.Payment) string { return p.TransactionID }, "page")
	if refused != nil {
		return *refused
	}
	data := make([]object, len(part))
	for n, p := range part {
		data[n] = render(c.Books, p, c.Amount(p))
	}
	return answer(http.StatusOK, object{"object": "search_result", "url": path + "/search", "has_more": more, "data": data, "next_page": nil})
}
