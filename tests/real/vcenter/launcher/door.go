package main

import (
	"bytes"
	"fmt"
	"io/ioutil"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

var (
	methodPattern   = regexp.MustCompile(`<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)`)
	thisPattern     = regexp.MustCompile(`<(?:\w+:)?_this[^>]*>([^<]*)<`)
	namePattern     = regexp.MustCompile(`<(?:\w+:)?userName[^>]*>([^<]*)<`)
	passwordPattern = regexp.MustCompile(`<(?:\w+:)?password[^>]*>([^<]*)<`)
	sessionPattern  = regexp.MustCompile(`vmware_soap_session="?([^";]+)`)
)

const faultEnvelope = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%[1]s</faultstring>
<detail><%[1]sFault xmlns="urn:vim25" xsi:type="%[1]s"/></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`

// Orders that are no faults of the API: an answer that is none, and no answer once it is done.
const (
	garbage = "garbage"
	hangup  = "hangup"
)

// A fault or a delay that a test ordered.
type fault struct {
	Method string `json:"method"`
	// Name of a machine; empty: whichever is called.
	Machine string `json:"virtual_machine"`
	// Name of the fault as in the API; empty: none, only slow.
	Fault string `json:"fault"`
	// In the task that the call starts, instead of in the call's answer.
	InTask bool    `json:"in_task"`
	SlowS  float64 `json:"slow_s"`
	Times  int     `json:"times"`
}

func (f *fault) value() types.BaseMethodFault {
	kind, _ := types.TypeFunc()(f.Fault)
	made := reflect.New(kind).Interface().(types.BaseMethodFault)
	if busy, is := made.(*types.TaskInProgress); is {
		// Clients stumble over a reference to nothing.
		busy.Task = types.ManagedObjectReference{Type: "Task", Value: "task-0"}
	}
	return made
}

func (f *fault) limitation() string {
	switch f.Fault {
	case "", garbage, hangup:
		return ""
	}
	kind, known := types.TypeFunc()(f.Fault)
	if !known {
		return "no type " + f.Fault
	}
	if _, is := reflect.New(kind).Interface().(types.BaseMethodFault); !is {
		return f.Fault + " is no fault"
	}
	return ""
}

// One call that came in, with its whole body but for a password.
type call struct {
	Method  string `json:"method"`
	This    string `json:"this"`
	Session string `json:"session"`
	Body    string `json:"body"`
}

// The first order that fits, used once.
func (w *world) take(method, machine string, inTask bool) *fault {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, each := range w.faults {
		fits := each.Times != 0 && each.Method == method && each.InTask == inTask
		if fits && (each.Machine == "" || each.Machine == machine) {
			each.Times--
			return each
		}
	}
	return nil
}

// The door looks at each call before the simulator does: users, ended sessions, ordered faults.
type door struct {
	inside http.Handler
	world  *world
	users  map[string]user
}

func (d *door) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		d.inside.ServeHTTP(response, request)
		return
	}
	body, err := ioutil.ReadAll(request.Body)
	if err != nil {
		return
	}
	request.Body = ioutil.NopCloser(bytes.NewReader(body))
	method, this := first(methodPattern, body), first(thisPattern, body)
	session := first(sessionPattern, []byte(request.Header.Get("Cookie")))
	d.note(method, this, session, body)
	kind := d.refusal(method, this, session, body)
	switch kind {
	case "":
	case garbage:
		fmt.Fprint(response, "<html>Service Unavailable")
		return
	case hangup:
		d.inside.ServeHTTP(httptest.NewRecorder(), request)
		connection, _, err := response.(http.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
		return
	default:
		response.Header().Set("Content-Type", "text/xml; charset=utf-8")
		response.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(response, faultEnvelope, kind)
		return
	}
	if method == "Login" {
		request.Header.Del("Cookie")
	}
	d.inside.ServeHTTP(response, request)
	if method == "Login" {
		made := first(sessionPattern, []byte(response.Header().Get("Set-Cookie")))
		d.world.mutex.Lock()
		d.world.readOnly[made] = d.users[first(namePattern, body)].ReadOnly
		d.world.mutex.Unlock()
	}
}

func (d *door) note(method, this, session string, body []byte) {
	text := string(body)
	if method == "Login" {
		text = ""
	}
	d.world.mutex.Lock()
	d.world.calls = append(d.world.calls, call{method, this, session, text})
	delay := d.world.delay
	d.world.mutex.Unlock()
	time.Sleep(delay)
}

// The name of the fault with which the call is answered; empty: let it in.
func (d *door) refusal(method, this, session string, body []byte) string {
	name := ""
	for _, each := range d.world.machines {
		if each.Self.Value == this {
			name = each.Name
		}
	}
	if ordered := d.world.take(method, name, false); ordered != nil {
		time.Sleep(time.Duration(ordered.SlowS * float64(time.Second)))
		if ordered.Fault != "" {
			return ordered.Fault
		}
	}
	d.world.mutex.Lock()
	defer d.world.mutex.Unlock()
	switch method {
	case "RetrieveServiceContent":
		return ""
	case "Login":
		known, there := d.users[first(namePattern, body)]
		if !there || known.Password != first(passwordPattern, body) {
			return "InvalidLogin"
		}
		return ""
	}
	if session == "" || d.world.ended[session] {
		return "NotAuthenticated"
	}
	if d.world.readOnly[session] && changing(method) {
		return "NoPermission"
	}
	return ""
}

func changing(method string) bool {
	return strings.HasSuffix(method, "_Task") || method == "ShutdownGuest" || strings.HasSuffix(method, "Datastore")
}

func first(pattern *regexp.Regexp, text []byte) string {
	if found := pattern.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}
