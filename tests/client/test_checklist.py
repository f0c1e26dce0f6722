"""
What httpx documents of `Client` and `AsyncClient`, and the tests that hold each of it.

The keys are pages and sections of httpx's documentation, the values tests of this folder as
`module.name`. Each of them runs through httpx's own client and through every way of the
mesh's, blocking, on asyncio and on trio: what passes for all of them is httpx's behaviour,
and the mesh's. The names are sentences; the docstrings say more.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKLIST = {
    "quickstart": "requests.each_verb_sends_its_method requests.any_method_goes_through_request",
    "quickstart: passing parameters in URLs": """requests.parameters_are_added_to_the_url
        requests.parameters_replace_those_of_the_url requests.path_is_sent_as_httpx_encodes_it""",
    "quickstart: response content": """responses.text_is_decoded_as_the_server_says
        responses.text_without_charset_is_utf_8 responses.encoding_can_be_set_on_a_response""",
    "quickstart: binary response content": """responses.content_coding_is_undone
        responses.broken_content_coding_is_an_error responses.empty_bodies_are_empty""",
    "quickstart: JSON response content": "responses.json_is_parsed",
    "quickstart: custom headers": """requests.headers_of_httpx_are_sent_by_default
        errors.header_that_cannot_be_sent_is_refused""",
    "quickstart: sending form encoded data": "requests.form_data_is_url_encoded",
    "quickstart: sending multipart file uploads": """requests.file_is_uploaded_from_disk
        requests.multipart_upload_carries_files_and_fields""",
    "quickstart: sending JSON encoded data": "requests.json_is_encoded",
    "quickstart: sending binary request data": """requests.content_is_sent_as_it_is
        requests.content_of_a_generator_is_streamed""",
    "quickstart: response status codes": """responses.error_status_is_a_response
        responses.success_passes_raise_for_status responses.redirect_raises_for_status
        responses.status_line_is_told""",
    "quickstart: response headers": "responses.headers_ignore_case_and_join",
    "quickstart: streaming responses": """streaming.stream_yields_bytes
        streaming.stream_yields_text_and_lines streaming.stream_yields_raw_bytes
        streaming.stream_can_be_read_inside_its_block
        streaming.content_of_an_unread_stream_is_an_error streaming.stream_can_be_consumed_once
        streaming.stream_of_the_other_colour_is_an_error""",
    "quickstart: cookies": """cookies.cookies_of_a_response_are_readable
        cookies.cookies_of_a_request_are_sent_once_and_deprecated
        cookies.cookies_keep_to_their_domain_and_path
        cookies.header_of_the_caller_joins_no_cookies""",
    "quickstart: redirection and history": """redirects.redirects_are_not_followed_by_default
        redirects.redirects_are_followed_on_request redirects.client_may_follow_all_redirects
        redirects.stream_of_a_redirect_is_the_last_response
        redirects.too_many_redirects_are_an_error redirects.streamed_body_cannot_follow
        redirects.method_and_body_follow_as_browsers_do redirects.fragment_is_carried_along
        redirects.authorization_stays_with_its_origin redirects.relative_locations_are_resolved
        redirects.broken_location_is_an_error redirects.only_some_of_the_300s_redirect
        redirects.redirect_to_another_scheme_is_an_error cookies.cookies_follow_redirects""",
    "quickstart: timeouts": """timeouts.read_timeout timeouts.read_timeout_in_the_body
        timeouts.timeouts_of_a_request_are_told""",
    "quickstart: authentication": """auth.basic_auth_of_a_request
        auth.digest_challenge_is_answered auth.wrong_digest_is_refused""",
    "quickstart: exceptions": """errors.refused_connection errors.broken_answer
        errors.broken_body_of_a_stream errors.errors_have_their_place_in_the_tree""",
    "advanced/clients: usage": """life.client_closes_with_its_block
        life.client_works_without_a_block life.closed_client_cannot_be_opened
        life.client_cannot_be_opened_twice life.mesh_client_may_be_used_before_its_block
        life.closing_closes_connections streaming.client_keeps_its_connection
        streaming.connection_is_reused_after_a_read_stream""",
    "advanced/clients: sharing configuration across requests": """
        requests.headers_of_a_client_can_be_changed_later life.options_of_a_client_are_readable
        cookies.cookies_persist_in_a_client cookies.cookies_are_kept_however_the_body_comes
        cookies.cookies_of_the_client_are_sent cookies.jar_of_the_caller_is_used
        cookies.jar_that_takes_the_older_kind_of_cookies_gets_them""",
    "advanced/clients: merging of configuration": """
        requests.parameters_of_client_and_request_are_merged auth.basic_auth_of_a_client
        requests.headers_of_client_and_request_are_merged""",
    "advanced/clients: other client-only configuration options": """
        life.base_url_is_put_before_relative_urls life.unknown_option_is_refused""",
    "advanced/clients: request instances": """life.request_can_be_built_changed_and_sent
        life.request_without_a_client_can_be_sent life.request_is_not_changed_by_sending
        streaming.send_with_stream_leaves_the_body_unread
        life.subclass_builds_its_own_requests""",
    "advanced/clients: monitoring progress": """streaming.download_progress_can_be_watched
        responses.bytes_downloaded_are_counted streaming.upload_is_read_piece_by_piece""",
    "advanced/authentication": """auth.credentials_in_the_url_are_basic_auth
        auth.auth_can_be_given_to_a_client_later auth.netrc_is_used_when_asked_for
        auth.auth_of_the_wrong_kind_is_refused""",
    "advanced/authentication: custom authentication schemes": """auth.function_is_auth
        auth.auth_flow_reads_bodies_and_sends_requests_of_its_own
        auth.auth_flow_has_the_colour_of_its_client
        auth.error_in_an_auth_flow_closes_the_response""",
    "advanced/ssl": """tls.trusted_certificate_is_accepted tls.unknown_certificate_is_refused
        tls.verification_can_be_turned_off tls.certificate_must_name_the_host
        tls.certificate_file_may_be_trusted tls.missing_certificate_file_is_an_error
        tls.client_certificate_is_shown tls.websocket_urls_are_as_safe_as_https""",
    "advanced/proxies": """proxies.http_goes_through_the_proxy
        proxies.https_goes_through_a_tunnel proxies.refusing_proxy
        proxies.proxy_object_carries_headers_and_auth proxies.proxy_that_is_not_there
        proxies.proxy_that_is_none_is_refused""",
    "advanced/proxies: authentication": "proxies.proxy_gets_its_credentials",
    "advanced/proxies: SOCKS": "proxies.socks_proxy_is_used",
    "advanced/timeouts": """timeouts.timeout_of_the_client_holds_for_each_request
        timeouts.write_timeout timeouts.pool_timeout""",
    "advanced/resource-limits": """timeouts.keepalive_limit_zero_keeps_nothing
        timeouts.keepalive_expiry_ends_idle_connections
        timeouts.keepalive_limit_bounds_idle_connections""",
    "advanced/event-hooks": """hooks.hooks_are_called_around_each_request
        hooks.hooks_may_read_and_raise hooks.request_hook_may_change_headers
        hooks.hooks_can_be_changed_later hooks.hooks_see_redirects_and_auth
        hooks.error_in_a_hook_closes_the_response""",
    "advanced/transports": """transports.application_can_be_called_directly
        transports.options_of_a_transport_are_options_of_a_mesh_client
        transports.retries_of_a_transport_connect_again transports.mock_transport_answers
        transports.mock_transport_may_stream_and_fail
        transports.response_that_was_read_already_is_returned
        transports.error_of_a_body_is_the_callers
        transports.transport_lives_as_long_as_its_client
        transports.client_that_was_used_enters_its_transports
        transports.transport_gets_the_schemes_that_only_it_knows""",
    "advanced/transports: mounting transports": """transports.mounts_route_by_pattern
        proxies.proxies_can_be_chosen_by_url""",
    "advanced/text-encodings": "responses.default_encoding_of_a_client_decodes",
    "advanced/extensions": """extensions.trace_tells_what_happens_on_the_wire
        extensions.target_replaces_the_path extensions.timeout_extension_is_kept
        extensions.other_extensions_are_left_alone extensions.network_stream_is_in_the_response
        extensions.websocket_urls_are_sent_as_http tls.server_name_can_be_chosen""",
    "async": """streaming.error_of_a_generator_reaches_the_caller
        streaming.body_of_the_other_colour_is_refused""",
    "http2": """http2.http2_is_spoken_where_it_is_offered http2.http2_must_be_asked_for
        http2.http1_stays_where_both_are_offered http2.requests_share_a_connection
        http2.http2_without_tls_by_prior_knowledge
        http2.many_requests_at_once_share_few_connections""",
    "logging": "hooks.each_request_is_logged hooks.connections_are_logged",
    "environment variables": """proxies.proxy_of_the_environment_is_used
        proxies.https_proxy_of_the_environment_is_for_https proxies.no_proxy_exempts_hosts
        proxies.proxy_of_the_environment_for_websockets
        proxies.environment_is_read_when_the_client_is_made
        tls.environment_names_the_authority""",
    "api: exceptions": """errors.url_without_http_is_refused errors.url_that_is_none_is_refused
        streaming.upload_generator_cannot_be_sent_twice""",
    "api: Response": """responses.elapsed_is_the_time_until_the_end_of_the_body
        responses.response_knows_its_request responses.response_is_complete
        responses.response_can_be_pickled responses.request_can_be_pickled""",
    "compatibility": """requests.url_may_be_an_object redirects.next_request_can_be_sent
        requests.file_in_text_mode_is_refused requests.verb_without_body_refuses_one
        requests.request_takes_a_body_for_any_method respx.respx_answers_out_of_the_box""",
}

OF_THE_MESH = {
    "agreement",
    "forms",
    "groq",
    "names",
    "notion",
    "options",
    "replaced",
    "respx",
    "sharing",
}
"""Modules on what httpx does not document, or on what the mesh adds."""

LISTED = {test for tests in CHECKLIST.values() for test in tests.split()}


def every_test() -> dict[str, set[str]]:
    """Every test of this folder as `module.name`, with the fixtures that it takes."""
    found = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.stem}.{node.name}".replace("test_", "")
                if node.name.startswith("test_"):
                    found[name] = {argument.arg for argument in node.args.args}
    return found


@pytest.mark.parametrize("name", sorted(LISTED))
def test_each_behaviour_is_held_by_a_test_of_all_clients(name: str) -> None:
    """The test is there, and runs once for each client."""
    assert every_test()[name] & {"use", "user", "way", "client"}, name


def test_no_behaviour_that_is_tested_is_missing_from_the_list() -> None:
    """A test of httpx's behaviour says where httpx documents it."""
    here = {
        name for name in every_test() if name.partition(".")[0] not in OF_THE_MESH | {"checklist"}
    }
    assert here - LISTED == {"transports.clients_are_httpx_clients"}
