package pingpp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// PathPrefix begins every path of the API, and the url of every list.
const PathPrefix = "/v1/"

// ErrListURL tells that a list's url is not a bare path under PathPrefix.
// Clients append it to their base address, so a host or a query would break
// their next request (P2.5-1).
var ErrListURL = errors.New("list url is not a bare path under " + PathPrefix)

// List is one page of a collection, newest first (P2.5-1). URL is the
// collection's path without host or query. HasMore means that there are further
// items in the direction of paging.
type List[T any] struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []T    `json:"data"`
}

// MarshalJSON writes data as [] when it is nil, and has_more as false when data
// is empty: the Go client's iterator reads the last item of a page that has
// more without looking whether there is one. It fails with ErrListURL.
func (list List[T]) MarshalJSON() ([]byte, error) { return list.appendTo(make([]byte, 0, 1<<10)) }

// appendTo is MarshalJSON behind what is there.
func (list List[T]) appendTo(out []byte) ([]byte, error) {
	if !strings.HasPrefix(list.URL, PathPrefix) || strings.ContainsAny(list.URL, "?#") {
		return nil, fmt.Errorf("write list %q: %w", list.URL, ErrListURL)
	}
	out = appendString(append(out, `{"object":"list","url":`...), list.URL)
	out = appendTruth(out, "has_more", list.HasMore && len(list.Data) > 0)
	out = append(appendName(out, "data"), '[')
	for n := range list.Data {
		if n > 0 {
			out = append(out, ',')
		}
		if own, is := any(&list.Data[n]).(printed); is {
			var err error
			if out, err = own.appendTo(out); err != nil {
				return nil, err
			}
			continue
		}
		text, err := Marshal(list.Data[n])
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return append(out, "]}"...), nil
}

// ChargesPath is the path of the charges' collection.
func ChargesPath() string { return PathPrefix + "charges" }

// RefundsPath is the path of the refunds of one charge.
func RefundsPath(chargeID string) string {
	return ChargesPath() + "/" + url.PathEscape(chargeID) + "/refunds"
}

// BatchRefundsPath is the path of the batches' collection.
func BatchRefundsPath() string { return PathPrefix + "batch_refunds" }

// OrderChargesPath is the path of the charges of one order.
func OrderChargesPath(orderID string) string {
	return PathPrefix + "orders/" + url.PathEscape(orderID) + "/charges"
}

// OrderRefundsPath is the path of the refunds of one order.
func OrderRefundsPath(orderID string) string {
	return PathPrefix + "orders/" + url.PathEscape(orderID) + "/order_refunds"
}

// EventsPath is the path of the events' collection.
func EventsPath() string { return PathPrefix + "events" }
