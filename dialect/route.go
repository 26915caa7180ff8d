package dialect

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/telemetry"
)

// Route is the method and the address of one call. {x} in a path stands for any
// one segment, an empty one too; the handler reads it by r.PathValue("x").
type Route struct{ Method, Path string }

// Get is the route of a call that reads. HEAD is served like it.
func Get(path string) Route { return Route{http.MethodGet, path} }

// Post is the route of a call that writes.
func Post(path string) Route { return Route{http.MethodPost, path} }

// Addressed is a dialect's kind of route: a struct that embeds Route.
type Addressed interface{ Address() Route }

// Address is the route itself.
func (r Route) Address() Route { return r }

// find returns the route of a request, sets what its {x} stand for, and notes
// the route for metrics. Of several paths that match, the first one decides.
func (a *API[C, R]) find(x *Exchange) (found R, missing *refund.Error) {
	method := x.R.Method
	if method == http.MethodHead && !a.NoMethods {
		method = http.MethodGet // net/http leaves the body out
	}
	path := x.R.URL.EscapedPath()
	if a.Path != nil {
		path = a.Path(path)
	}
	segments, ok := decoded(path)
	if !ok || a.NoEmpty && slices.Contains(segments[1:], "") {
		return found, a.missing(x.R.Method, nil)
	}
	var address string // the path of the routes that match
	var allowed []string
	a.split.Do(func() {
		for _, one := range a.Routes {
			a.segments = append(a.segments, strings.Split(one.Address().Path, "/"))
		}
	})
	for n, candidate := range a.Routes {
		if !matches(a.segments[n], segments) {
			continue
		}
		route := candidate.Address()
		switch {
		case address != "" && route.Path != address:
			continue
		case route.Method == method:
			setPathValues(x.R, a.segments[n], segments)
			x.R.Pattern = route.Path
			telemetry.NoteRoute(x.R.Context(), route.Path) // outside, the request is another
			return candidate, nil
		}
		address = route.Path
		allowed = append(allowed, route.Method)
	}
	if a.NoMethods {
		allowed = nil
	}
	if allowed != nil {
		slices.Sort(allowed)
		x.W.Header().Set("Allow", strings.Join(allowed, ", "))
	}
	return found, a.missing(x.R.Method, allowed)
}

func (a *API[C, R]) missing(method string, allowed []string) *refund.Error {
	switch {
	case a.Missing != nil:
		return a.Missing(method, allowed)
	case allowed != nil:
		return refund.Errorf(refund.KindMethodNotAllowed, "", "this address is not served by %s", method)
	}
	return refund.Errorf(refund.KindNotFound, "", "nothing is served at this address")
}

// maxSegments is above the deepest route of any dialect; a longer path is
// unknown anyway.
const maxSegments = 16

// decoded are the segments of a path, each decoded once: clients escape one and
// the same id in several ways, and an escaped slash belongs to its segment.
func decoded(path string) ([]string, bool) {
	segments := strings.SplitN(path, "/", maxSegments)
	for n, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return nil, false
		}
		segments[n] = text
	}
	return segments, true
}

// matches compares the segments of a route's path with those of a request's.
func matches(path, segments []string) bool {
	if len(path) != len(segments) {
		return false
	}
	for n, want := range path {
		if want != segments[n] && !strings.HasPrefix(want, "{") {
			return false
		}
	}
	return true
}

func setPathValues(r *http.Request, path, segments []string) {
	for n, want := range path {
		if name, ok := strings.CutPrefix(want, "{"); ok {
			r.SetPathValue(strings.TrimSuffix(name, "}"), segments[n])
		}
	}
}
