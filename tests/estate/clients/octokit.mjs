// Walks through the pretend GitHub with the vendor's own client, and prints what it saw as one JSON object.
// usage: node octokit.mjs <folder with node_modules> <base address> <token>
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, baseUrl, token] = process.argv.slice(2);
const require = createRequire(pathToFileURL(folder + "/package.json"));
const { Octokit } = await import(pathToFileURL(require.resolve("@octokit/rest")));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const octokit = new Octokit({ auth: token, baseUrl, log: quiet });
const shop = { owner: "acme", repo: "shop" };
const seen = {};

seen.login = (await octokit.rest.users.getAuthenticated()).data.login;
seen.repo = (await octokit.rest.repos.get(shop)).data.full_name;
const runs = (await octokit.rest.actions.listWorkflowRunsForRepo({ ...shop, branch: "main", status: "success", event: "push" })).data;
seen.runs = runs.workflow_runs.map((run) => `${run.name} #${run.run_number} ${run.conclusion}`);
const deploy = runs.workflow_runs.find((run) => run.name === "Deploy");
seen.run = (await octokit.rest.actions.getWorkflowRun({ ...shop, run_id: deploy.id })).data.head_sha;
const jobs = (await octokit.rest.actions.listJobsForWorkflowRun({ ...shop, run_id: deploy.id })).data.jobs;
seen.jobs = jobs.map((job) => `${job.name} ${job.conclusion}`);
seen.log = (await octokit.rest.actions.downloadJobLogsForWorkflowRun({ ...shop, job_id: jobs.at(-1).id })).data;
const archive = (await octokit.rest.actions.downloadWorkflowRunLogs({ ...shop, run_id: deploy.id })).data;
seen.archive = Buffer.from(archive).subarray(0, 2).toString();
seen.commits = (await octokit.paginate(octokit.rest.repos.listCommits, { ...shop, per_page: 2 })).map((commit) => commit.commit.message);
const commit = (await octokit.rest.repos.getCommit({ ...shop, ref: deploy.head_sha })).data;
seen.files = commit.files.map((file) => file.filename);
seen.author = commit.commit.author.name;
seen.branch = (await octokit.rest.repos.getBranch({ ...shop, branch: "main" })).data.commit.sha;
seen.workflows = (await octokit.rest.actions.listRepoWorkflows(shop)).data.workflows.map((entry) => entry.path);
const deployments = (await octokit.rest.repos.listDeployments({ ...shop, environment: "production" })).data;
seen.deployment = deployments[0].sha;
seen.statuses = (await octokit.rest.repos.listDeploymentStatuses({ ...shop, deployment_id: deployments[0].id })).data.map((entry) => entry.state);
seen.environments = (await octokit.rest.repos.getAllEnvironments(shop)).data.environments.map((entry) => entry.name);
const pull = (await octokit.rest.pulls.get({ ...shop, pull_number: 57 })).data;
seen.pull = [pull.title, pull.merged, pull.merge_commit_sha];
seen.pulls = (await octokit.rest.pulls.list({ ...shop, state: "closed" })).data.map((entry) => entry.number);
seen.release = (await octokit.rest.repos.getLatestRelease(shop)).data.tag_name;
seen.checks = (await octokit.rest.checks.listForRef({ ...shop, ref: deploy.head_sha })).data.check_runs.map((entry) => entry.name);
seen.limit = (await octokit.rest.rateLimit.get()).data.rate.limit;

const failure = async (promise) => {
  try { await promise; return "no error"; } catch (error) { return [error.status, error.response?.data?.message]; }
};
seen.missing = await failure(octokit.rest.repos.get({ owner: "acme", repo: "nothing" }));
seen.stranger = await failure(new Octokit({ auth: "wrong", baseUrl, log: quiet }).rest.users.getAuthenticated());
seen.tooLate = await failure(octokit.rest.actions.cancelWorkflowRun({ ...shop, run_id: deploy.id }));
const first = await octokit.request("GET /repos/{owner}/{repo}", shop);
seen.unchanged = await failure(octokit.request("GET /repos/{owner}/{repo}", { ...shop, headers: { "if-none-match": first.headers.etag } }));
seen.rerun = (await octokit.rest.actions.reRunWorkflow({ ...shop, run_id: deploy.id })).status;
seen.again = (await octokit.rest.actions.getWorkflowRun({ ...shop, run_id: deploy.id })).data.status;
seen.cancel = (await octokit.rest.actions.cancelWorkflowRun({ ...shop, run_id: deploy.id })).status;
seen.end = (await octokit.rest.actions.getWorkflowRun({ ...shop, run_id: deploy.id })).data.conclusion;
console.log(JSON.stringify(seen));
